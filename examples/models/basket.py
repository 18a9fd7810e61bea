"""basket.onnx: what else belongs into a shopping basket, by what was bought together.

Data: made up here; baskets are drawn from a few habits and some chance, and nobody's shopping is behind it. The model adds up the similarities
(cosine of the columns of the basket table) of an item to those that are there, and a sidecar names the items.
"""

import json

import numpy
from onnx import TensorProto, helper

import onnx_file

SEED = 3
BASKETS = 2000
HABITS = {
    "breakfast": ["bread", "butter", "jam", "honey", "coffee", "milk"],
    "pasta": ["spaghetti", "tomatoes", "basil", "parmesan", "garlic", "olive oil"],
    "garden": ["soil", "seeds", "gloves", "pots", "twine", "compost"],
    "desk": ["pencils", "paper", "ink", "stapler", "envelopes", "stamps"],
}
ITEMS = [item for habit in HABITS.values() for item in habit]
CHANCE = 0.15  # of one item that belongs to no habit
TOP_K = 3
SHOWN = ([0, 1], [7, 9, 10], [18])


def baskets(random):
    """A table of BASKETS rows of zeros and ones."""
    table = numpy.zeros((BASKETS, len(ITEMS)))
    for row in table:
        habit = random.integers(len(HABITS))
        size = random.integers(2, 6)
        row[habit * 6 + random.permutation(6)[:size]] = 1
        if random.random() < CHANCE:
            row[random.integers(len(ITEMS))] = 1
    return table


def make(run):
    """Counts, writes basket.onnx and its sidecar, and returns the known answers."""
    table = baskets(numpy.random.default_rng(SEED))
    norms = numpy.linalg.norm(table, axis=0)
    similarity = (table.T @ table / numpy.outer(norms, norms)).astype(numpy.float32)
    numpy.fill_diagonal(similarity, 0)
    nodes = [helper.make_node("Gather", ["similarity", "items"], ["rows"], axis=0),
             helper.make_node("ReduceMean", ["rows"], ["scores"], axes=[1], keepdims=0)]
    inputs = [helper.make_tensor_value_info("items", TensorProto.INT64, ["batch", "n"])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(ITEMS)])]
    onnx_file.write(run.folder / "basket.onnx", onnx_file.graph("basket", nodes, inputs, outputs, {"similarity": similarity}), {
        "description": "Scores what else belongs into a shopping basket.",
        "license": "Apache-2.0",
        "source": "made up by basket.py",
    })
    cases = []
    for basket in SHOWN:
        scores = similarity[basket].mean(axis=0)
        onnx_file.require_same(run.folder / "basket.onnx", {"items": numpy.asarray([basket])}, {"scores": scores[None]})
        best = [int(item) for item in numpy.argsort(-scores, kind="stable") if item not in basket][:TOP_K]
        cases.append({"items": basket, "best": [ITEMS[item] for item in best], "scores": [float(f"{scores[item]:.6g}") for item in best]})
    sidecar = {"ranking": {"top_k": TOP_K, "exclude": "items"}, "labels": ITEMS}
    (run.folder / "basket.forebay.json").write_text(json.dumps(sidecar) + "\n")
    return {"file": "basket.onnx", "cases": cases}
