"""Small encoders as ONNX files beside their tokenizer.json, with random weights, and what ONNX Runtime's rules make of a text."""

import json

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WIDTH = 16
WORDS = "light day night good earth heaven water the and of in was there let be god said made evening morning first second".split()


def make_tokenizer():
    vocabulary = {token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])])
    return tokenizer


def weights(rows, columns, seed):
    return numpy.random.default_rng(seed).standard_normal((rows, columns)).astype(numpy.float32)


def write_encoder(folder, classes=0, files=(), not_finite=(), length="tokens", positions=0):
    """A table of token vectors and one of types; with classes, their masked mean times a matrix is the output `logits`.
    The vectors of the words in `not_finite` are NaN and infinite. `length`: a number fixes the tokens of a text. `positions`: rows of a table."""
    tokenizer = make_tokenizer()
    tokens = weights(tokenizer.get_vocab_size(), WIDTH, 1)
    types = weights(2, WIDTH, 2)
    for word in not_finite:
        tokens[tokenizer.token_to_id(word)] = [numpy.nan, numpy.inf] * (WIDTH // 2)
    constants = {"tokens": tokens, "types": types}
    nodes = [helper.make_node("Gather", ["tokens", "input_ids"], ["a"]), helper.make_node("Gather", ["types", "token_type_ids"], ["b"]),
             helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
             helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]), helper.make_node("Mul", ["sum", "mask3"], ["last_hidden_state"])]
    constants["last"] = numpy.array([2], dtype=numpy.int64)
    if positions:
        constants["embeddings.position_embeddings.weight"] = numpy.zeros((positions, 1), numpy.float32)
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", length, WIDTH])
    if classes:
        constants["head"], constants["middle"] = weights(WIDTH, classes, 3), numpy.array([1], dtype=numpy.int64)
        nodes += [helper.make_node("ReduceSum", ["last_hidden_state", "middle"], ["total"], keepdims=0), helper.make_node("ReduceSum", ["mask", "middle"], ["count"], keepdims=1),
                  helper.make_node("Div", ["total", "count"], ["mean"]), helper.make_node("MatMul", ["mean", "head"], ["logits"])]
        output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", length]) for name in ("input_ids", "attention_mask", "token_type_ids")]
    graph = helper.make_graph(nodes, "encoder", inputs, [output], [numpy_helper.from_array(value, name) for name, value in constants.items()])
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in dict(files).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return constants


def token_vectors(constants, text, other=None):
    encoded = make_tokenizer().encode(text, other)
    return constants["tokens"][encoded.ids] + constants["types"][encoded.type_ids]


def unit(vector):
    return vector / numpy.linalg.norm(vector)
