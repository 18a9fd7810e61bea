"""Makes the example models again from their recipes.

    ./dev train                  every recipe, in the order of RECIPES
    ./dev train chat             one recipe
    ./dev train chat --steps 50  a short run, to try a recipe
    ./dev train chat --resume    go on from the last checkpoint of an interrupted run

A recipe is a module with `make(run) -> answers`: it writes its model and the files to try it with into `run.folder`, and
returns the known answers, which end up in expected.json under the name of the recipe.
"""

import argparse
import importlib
import json
import pathlib

from recipe import Run

HERE = pathlib.Path(__file__).resolve().parent
RECIPES = ("digits", "wine", "forecast", "basket", "embed", "chat")
FOLDER_BYTES_MAX = 8_000_000


def laid_out(value, depth=3):
    """JSON with one line for each item of the upper levels, so that a changed answer is a changed line."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if depth == 0 or not any(isinstance(item, (dict, list)) for _, item in items):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {laid_out(item, depth - 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n}"
    return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]"


def record_answers(folder, recipe, answers):
    """Replaces the answers of one recipe in expected.json and keeps those of the others."""
    path = folder / "expected.json"
    expected = json.loads(path.read_text()) if path.exists() else {}
    expected[recipe] = answers
    path.write_text(laid_out({name: expected[name] for name in RECIPES if name in expected}) + "\n")


def committed_bytes(folder):
    """What the files of a folder weigh together, checkpoints and byte code apart."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"which models to make: {', '.join(RECIPES)} (all)")
    parser.add_argument("--folder", type=pathlib.Path, default=HERE, help="where the files go (here)")
    parser.add_argument("--scratch", type=pathlib.Path, default=HERE.parents[1] / "build" / "train",
                        help="where checkpoints go")
    parser.add_argument("--steps", type=int, help="training steps, instead of the number that the recipe asks for")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    options = parser.parse_args()
    unknown = sorted(set(options.recipes) - set(RECIPES))
    if unknown:
        parser.error(f"unknown recipe: {', '.join(unknown)} (there are {', '.join(RECIPES)})")

    for folder in (options.folder, options.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    run = Run(options.folder, options.scratch, options.steps, options.resume)
    for name in options.recipes or RECIPES:
        print(f"{name}: started", flush=True)
        record_answers(run.folder, name, importlib.import_module(name).make(run))
        print(f"{name}: finished", flush=True)
    size = committed_bytes(run.folder)
    if size > FOLDER_BYTES_MAX:
        raise SystemExit(f"{run.folder} holds {size} bytes; at most {FOLDER_BYTES_MAX} may be committed")


if __name__ == "__main__":
    main()
