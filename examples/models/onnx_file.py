"""Writes a graph as an ONNX file that runtimes of the last years read, and checks it against numbers we already know."""

import numpy
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

OPSET = 17
ML_OPSET = 3
IR_VERSION = 8


def graph(name, nodes, inputs, outputs, weights):
    """A graph whose weights are a dict of name to array."""
    tensors = [numpy_helper.from_array(numpy.ascontiguousarray(value), key) for key, value in weights.items()]
    return helper.make_graph(nodes, name, inputs, outputs, initializer=tensors)


def write(path, made, metadata):
    """Checks and writes the model. `metadata` becomes its metadata_props."""
    domains = sorted({node.domain for node in made.node} | {""})
    opsets = [helper.make_opsetid(domain, OPSET if domain == "" else ML_OPSET) for domain in domains]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION,
                              producer_name="forebay-examples", producer_version="1")
    model.doc_string = metadata["description"]
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def require_same(path, inputs, expected):
    """Runs the file in ONNX's reference evaluator; raises when an output differs from what the trained model said."""
    names = list(expected)
    for name, got in zip(names, ReferenceEvaluator(onnx.load(path)).run(names, inputs), strict=True):
        numpy.testing.assert_allclose(got, expected[name], rtol=1e-4, atol=1e-5, err_msg=f"{path.name}: {name}")
