"""Writes small ONNX files without any library: enough for models that the tests make up. Field numbers are those of onnx.proto."""

import numpy

ELEMENTS = {numpy.dtype("float32"): 1, numpy.dtype("int64"): 7, numpy.dtype("bool"): 9}


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def value(name, dtype, shape):
    dims = b"".join(block(1, number(1, one) if isinstance(one, int) else block(2, one)) for one in shape)
    return block(1, name) + block(2, block(1, number(1, ELEMENTS[numpy.dtype(dtype)]) + block(2, dims)))


def weight(name, array):
    array = numpy.ascontiguousarray(array)
    dims = b"".join(number(1, one) for one in array.shape)
    return dims + number(2, ELEMENTS[array.dtype]) + block(8, name) + block(9, array.tobytes())


def node(op_type, inputs, outputs, **integers):
    attributes = b"".join(block(5, block(1, key) + (b"".join(number(8, each) for each in one) + number(20, 7) if isinstance(one, list)
                                                    else number(3, one) + number(20, 2))) for key, one in integers.items())
    return b"".join(block(1, one) for one in inputs) + b"".join(block(2, one) for one in outputs) + block(4, op_type) + attributes


def model(nodes, inputs, outputs, weights, metadata=None):
    """`inputs` and `outputs` are (name, dtype, shape); `weights` is name to array."""
    graph = b"".join(block(1, one) for one in nodes) + block(2, "made_up")
    graph += b"".join(block(5, weight(name, array)) for name, array in weights.items())
    graph += b"".join(block(11, value(*one)) for one in inputs) + b"".join(block(12, value(*one)) for one in outputs)
    properties = b"".join(block(14, block(1, key) + block(2, text)) for key, text in (metadata or {}).items())
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 17)) + properties


def constant_model(image_shape, answers, metadata=None):
    """A model that gives the same outputs whatever picture it gets: name to array."""
    nodes = [node("ReduceMean", ["image"], ["mean"], keepdims=0), node("Mul", ["mean", "zero"], ["nothing"])]
    nodes += [node("Add", [f"{name}_weight", "nothing"], [name]) for name in answers]
    weights = {"zero": numpy.zeros((), numpy.float32)} | {f"{name}_weight": array.astype(numpy.float32) for name, array in answers.items()}
    outputs = [(name, "float32", list(array.shape)) for name, array in answers.items()]
    return model(nodes, [("image", "float32", image_shape)], outputs, weights, metadata)
