"""What every recipe needs: where to write, how long to train, seeds, and numbers that survive JSON."""

import dataclasses
import pathlib
import random

import numpy
import torch


@dataclasses.dataclass(frozen=True)
class Run:
    """One call of train.py."""

    folder: pathlib.Path   # the model files and expected.json
    scratch: pathlib.Path  # checkpoints, never committed
    steps: int | None      # replaces the recipe's own number of steps
    resume: bool           # go on from the checkpoint in `scratch`

    def steps_or(self, of_the_recipe):
        """The number of training steps."""
        return self.steps or of_the_recipe


def seed_everything(seed):
    """Makes a recipe repeatable: one thread, so that sums are always taken in the same order, and fixed seeds."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    numpy.random.seed(seed)
    random.seed(seed)


def rounded(array, digits=7):
    """Nested lists of floats with as many significant digits as float32 holds."""
    if isinstance(array, (list, tuple)):
        return [rounded(item, digits) for item in array]
    if hasattr(array, "tolist"):
        return rounded(array.tolist(), digits)
    return float(f"{array:.{digits}g}") if isinstance(array, float) else array
