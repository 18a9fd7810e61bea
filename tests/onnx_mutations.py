"""Damaged ONNX files, made from sound ones: reproducible by their number.

    mutated(content, seed) -> bytes

Most changes know the messages of onnx.proto: they hit numbers, names, types, shapes and weights, and take out, double, swap or borrow parts. The others hit
any byte."""

import random
import struct

from onnx_writer import varint

# Message -> field -> the message within.
MESSAGES = {
    "model": {7: "graph", 8: "opset", 14: "pair", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse", 14: "type", 15: "type"},
    "function": {7: "node", 9: "opset", 11: "attribute", 12: "value"},
    "sparse": {1: "tensor", 2: "tensor"},
    "value": {2: "type"},
    "type": {1: "tensor type", 4: "sequence", 5: "map", 8: "tensor type", 9: "sequence"},
    "tensor type": {2: "shape"},
    "shape": {1: "dimension"},
    "sequence": {1: "type"},
    "map": {2: "type"},
    "tensor": {13: "pair"},
    "opset": {}, "pair": {}, "dimension": {},
}
INTERESTING = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16, 17, 20, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 65535, 65536, 1 << 20, (1 << 31) - 1, 1 << 31,
               (1 << 32) - 1, 1 << 32, 10**12, (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2]
OPERATORS = """Add And ArgMax AveragePool BatchNormalization Cast CategoryMapper CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape
Conv ConvInteger ConvTranspose CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Expand EyeLike Flatten GRU Gather
GatherElements GatherND Gemm GlobalMaxPool GridSample GroupNormalization HannWindow Identity If InstanceNormalization LRN LSTM LayerNormalization LinearClassifier
Loop LpPool MatMul MatMulInteger MaxPool MaxRoiPool MaxUnpool MelWeightMatrix Mod Mul Multinomial NegativeLogLikelihoodLoss NonMaxSuppression NonZero OneHot
OneHotEncoder Optional OptionalGetElement PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RNN RandomNormal RandomNormalLike Range ReduceSum RegexFullMatch Relu
Reshape Resize ReverseSequence RoiAlign RotaryEmbedding STFT Scan ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
SequenceMap Shape Size Slice Softmax SoftmaxCrossEntropyLoss SpaceToDepth Split SplitToSequence Squeeze StringConcat StringNormalizer StringSplit Sum TfIdfVectorizer
Tile TopK Transpose TreeEnsembleClassifier TreeEnsembleRegressor SVMClassifier SVMRegressor Normalizer Scaler ZipMap Imputer Trilu Unique Unsqueeze Upsample Where
Attention TensorScatter""".split()


class Part:
    """One field: a number, four or eight bytes, a message (kind is set) or bytes."""

    __slots__ = ("field", "wire", "value", "kind")

    def __init__(self, field, wire, value, kind=None):
        self.field, self.wire, self.value, self.kind = field, wire, value, kind

    def copy(self):
        return Part(self.field, self.wire, [one.copy() for one in self.value] if self.kind else self.value, self.kind)


def number_at(content, at):
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def parsed(content, message):
    """The parts of a message that is sound."""
    parts, at = [], 0
    while at < len(content):
        tag, at = number_at(content, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = number_at(content, at)
            parts.append(Part(field, wire, value))
        elif wire == 2:
            size, at = number_at(content, at)
            value, at = content[at:at + size], at + size
            kind = MESSAGES[message].get(field)
            parts.append(Part(field, wire, parsed(value, kind) if kind else value, kind))
        else:
            size = 8 if wire == 1 else 4
            parts.append(Part(field, wire, content[at:at + size]))
            at += size
    return parts


def written(parts):
    out = bytearray()
    for part in parts:
        out += varint(part.field << 3 | part.wire)
        if part.wire == 0:
            out += varint(part.value & (1 << 64) - 1)
        elif part.wire == 2:
            content = written(part.value) if part.kind else part.value
            out += varint(len(content)) + content
        else:
            out += part.value
    return bytes(out)


def messages(parts, message="model"):
    """Every (message, parts) of a tree."""
    yield message, parts
    for part in parts:
        if part.kind:
            yield from messages(part.value, part.kind)


def changed_bytes(random_, content, message):
    """Weights, names and texts."""
    content = bytearray(content)
    choice = random_.randrange(6)
    if choice == 0 and content:
        for _ in range(random_.randint(1, 4)):
            content[random_.randrange(len(content))] = random_.randrange(256)
    elif choice == 1:
        del content[random_.randrange(len(content) + 1):]
    elif choice == 2 and len(content) >= 8:
        at = random_.randrange(len(content) // 8) * 8
        content[at:at + 8] = struct.pack("<Q", random_.choice(INTERESTING))
    elif choice == 3 and len(content) >= 4:
        at = random_.randrange(len(content) // 4) * 4
        content[at:at + 4] = random_.choice([struct.pack("<f", one) for one in (0, -1, 1e30, float("inf"), float("nan"))] + [struct.pack("<i", -1)])
    elif choice == 4:
        content += content[:random_.randint(0, 16)] or b"\0"
    elif message == "node":
        return random_.choice(OPERATORS).encode()
    return bytes(content)


def change(random_, tree):
    """One change of the tree in place."""
    everything = [one for one in messages(tree)]
    message, parts = random_.choice(everything)
    if random_.random() < 0.5:  # Most messages are dimensions: half of the time each kind has the same chance.
        kind = random_.choice(sorted({one for one, _ in everything}))
        message, parts = random_.choice([one for one in everything if one[0] == kind])
    if not parts:
        return
    at = random_.randrange(len(parts))
    part = parts[at]
    choice = random_.randrange(10)
    if choice == 0:
        del parts[at]
    elif choice == 1:
        parts.insert(random_.randrange(len(parts) + 1), part.copy())
    elif choice == 2:
        other = random_.randrange(len(parts))
        parts[at], parts[other] = parts[other], parts[at]
    elif choice == 3:  # of another message of this kind
        donor = random_.choice([one for kind, one in everything if kind == message])
        if donor:
            parts[at] = random_.choice(donor).copy()
    elif choice == 4:
        part.field = random_.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 20, 22])
        if part.kind:
            part.value, part.kind = written(part.value), None
    elif part.wire == 0:
        part.value = random_.choice([random_.choice(INTERESTING), part.value + 1, part.value - 1, part.value * 2, -part.value])
    elif part.wire == 2 and not part.kind:
        texts = [one.value for kind, each in everything if kind in ("node", "value") for one in each if one.wire == 2 and not one.kind]
        part.value = random_.choice(texts) if texts and random_.random() < 0.3 else changed_bytes(random_, part.value, message)
    elif part.kind:
        change_within = part.value
        if change_within and random_.random() < 0.5:
            del change_within[random_.randrange(len(change_within))]
    else:
        part.value = bytes(random_.randrange(256) for _ in part.value)


def mutated(content, seed):
    random_ = random.Random(seed)
    if random_.random() < 0.1:
        broken = bytearray(content)
        for _ in range(random_.randint(1, 8)):
            broken[random_.randrange(len(broken))] = random_.randrange(256)
        return bytes(broken)
    tree = parsed(content, "model")
    for _ in range(random_.choice([1, 1, 1, 2, 3, 5])):
        change(random_, tree)
    return written(tree)
