"""Writes a BERT encoder with random weights, as GGUF and as ONNX beside its tokenizer.json: speed does not depend on what the weights say.

    python3 bench/make_encoder.py FOLDER [--layers 6] [--width 384]

Six layers of width 384 with a vocabulary of 30,522 are 22 million parameters, the size of the small sentence encoders people serve.
"""

import argparse
import pathlib
import random

import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = 30522
POSITIONS = 512
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def make_vocabulary():
    """Made-up words: one text of n words has n tokens."""
    chosen = random.Random(7)
    words = set()
    while len(words) < VOCABULARY - len(SPECIALS) - 2 * len(LETTERS):
        words.add("".join(chosen.choice(LETTERS) for _ in range(chosen.randint(3, 8))))
    return SPECIALS + list(LETTERS) + [f"##{letter}" for letter in LETTERS] + sorted(words)


def texts(count, shortest, longest, seed):
    """Texts whose numbers of tokens, special ones counted, are spread evenly."""
    chosen = random.Random(seed)
    words = make_vocabulary()[len(SPECIALS) + 2 * len(LETTERS):]
    return [" ".join(chosen.choice(words) for _ in range(chosen.randint(shortest, longest) - 2)) for _ in range(count)]


def write_tokenizer(path, tokens):
    tokenizer = Tokenizer(models.WordPiece({token: index for index, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(path))


def make_weights(layers, width):
    values = np.random.default_rng(3)
    matrix = lambda rows, columns: values.standard_normal((rows, columns), dtype=np.float32) * np.float32(0.7 / np.sqrt(columns))
    weights = {"token_embd.weight": matrix(VOCABULARY, width), "position_embd.weight": matrix(POSITIONS, width), "token_types.weight": matrix(2, width)}
    ones, zeros = np.ones(width, dtype=np.float32), np.zeros(width, dtype=np.float32)
    weights.update({"token_embd_norm.weight": ones, "token_embd_norm.bias": zeros})
    for layer in range(layers):
        for part, rows, columns in [("attn_q", width, width), ("attn_k", width, width), ("attn_v", width, width), ("attn_output", width, width), ("ffn_up", 4 * width, width), ("ffn_down", width, 4 * width)]:
            weights[f"blk.{layer}.{part}.weight"] = matrix(rows, columns)
            weights[f"blk.{layer}.{part}.bias"] = np.zeros(rows, dtype=np.float32)
        for part in ("attn_output_norm", "layer_output_norm"):
            weights.update({f"blk.{layer}.{part}.weight": ones, f"blk.{layer}.{part}.bias": zeros})
    return weights


def write_gguf(path, tokens, weights, layers, width):
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name("forebay-bench-encoder")
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(4 * width)
    writer.add_head_count(width // 32)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token if token in SPECIALS else token[2:] if token.startswith("##") else "\u2581" + token for token in tokens])
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_type_count(2)
    for add, name in [(writer.add_bos_token_id, "[CLS]"), (writer.add_eos_token_id, "[SEP]"), (writer.add_sep_token_id, "[SEP]"), (writer.add_unk_token_id, "[UNK]"),
                      (writer.add_pad_token_id, "[PAD]"), (writer.add_mask_token_id, "[MASK]")]:
        add(SPECIALS.index(name))
    for name, values in weights.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Graph:
    """The plain operators that an exporter writes; the runtime fuses what it can."""

    def __init__(self, weights, layers, width):
        self.nodes, self.constants, self.weights = [], {}, weights
        self.heads, self.width = width // 32, width
        self.embed()
        x = "embedded"
        for layer in range(layers):
            x = self.block(layer, x, "last_hidden_state" if layer + 1 == layers else f"x{layer}")

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name, values):
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def linear(self, name, x, output):
        product = self.node("MatMul", [x, self.constant(name + ".w", self.weights[name + ".weight"].T)], output + "_product")
        return self.node("Add", [product, self.constant(name + ".b", self.weights[name + ".bias"])], output)

    def norm(self, name, x, output):
        return self.node("LayerNormalization", [x, self.constant(name + ".w", self.weights[name + ".weight"]), self.constant(name + ".b", self.weights[name + ".bias"])], output, epsilon=1e-12, axis=-1)

    def embed(self):
        self.constant("two", np.array([2], dtype=np.int64))
        words = self.node("Gather", [self.constant("words", self.weights["token_embd.weight"]), "input_ids"], "words_of")
        types = self.node("Gather", [self.constant("types", self.weights["token_types.weight"]), "token_type_ids"], "types_of")
        self.node("Shape", ["input_ids"], "shape", start=1, end=2)
        self.constant("zero", np.array([0], dtype=np.int64))
        positions = self.node("Slice", [self.constant("positions", self.weights["position_embd.weight"]), "zero", "shape"], "positions_of")
        self.node("Add", [self.node("Add", [words, types], "words_types"), positions], "summed")
        self.norm("token_embd_norm", "summed", "embedded")
        self.node("Cast", ["attention_mask"], "mask_f", to=TensorProto.FLOAT)
        self.node("Unsqueeze", ["mask_f", self.constant("axes", np.array([1, 2], dtype=np.int64))], "mask_4")
        self.node("Sub", [self.constant("one", np.array(1, dtype=np.float32)), "mask_4"], "hidden")
        self.node("Mul", ["hidden", self.constant("far", np.array(-10000, dtype=np.float32))], "bias")

    def block(self, layer, x, output):
        name = f"blk.{layer}"
        split = self.constant("split", np.array([0, 0, self.heads, 32], dtype=np.int64))
        parts = []
        for part, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            made = self.linear(f"{name}.attn_{part}", x, f"l{layer}{part}")
            parts.append(self.node("Transpose", [self.node("Reshape", [made, split], f"l{layer}{part}_split")], f"l{layer}{part}_turned", perm=order))
        scores = self.node("Div", [self.node("MatMul", parts[:2], f"l{layer}_scores"), self.constant("root", np.array(np.sqrt(32), dtype=np.float32))], f"l{layer}_scaled")
        shares = self.node("Softmax", [self.node("Add", [scores, "bias"], f"l{layer}_masked")], f"l{layer}_shares", axis=-1)
        mixed = self.node("Transpose", [self.node("MatMul", [shares, parts[2]], f"l{layer}_mixed")], f"l{layer}_back", perm=[0, 2, 1, 3])
        joined = self.node("Reshape", [mixed, self.constant("join", np.array([0, 0, self.width], dtype=np.int64))], f"l{layer}_joined")
        attention = self.node("Add", [self.linear(f"{name}.attn_output", joined, f"l{layer}_attention"), x], f"l{layer}_skip")
        middle = self.norm(f"{name}.attn_output_norm", attention, f"l{layer}_middle")
        up = self.linear(f"{name}.ffn_up", middle, f"l{layer}_up")
        bent = self.node("Erf", [self.node("Div", [up, self.constant("root2", np.array(np.sqrt(2), dtype=np.float32))], f"l{layer}_d")], f"l{layer}_e")
        gelu = self.node("Mul", [self.node("Mul", [up, self.node("Add", [bent, "one"], f"l{layer}_p")], f"l{layer}_g"), self.constant("half", np.array(0.5, dtype=np.float32))], f"l{layer}_gelu")
        down = self.node("Add", [self.linear(f"{name}.ffn_down", gelu, f"l{layer}_down"), middle], f"l{layer}_skip2")
        return self.norm(f"{name}.layer_output_norm", down, output)


def write_onnx(path, weights, layers, width):
    graph = Graph(weights, layers, width)
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ("input_ids", "attention_mask", "token_type_ids")]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", width])
    made = helper.make_graph(graph.nodes, "encoder", inputs, [output], list(graph.constants.values()))
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    arguments = parser.parse_args()
    tokens = make_vocabulary()
    weights = make_weights(arguments.layers, arguments.width)
    (arguments.folder / "onnx").mkdir(parents=True, exist_ok=True)
    write_gguf(arguments.folder / "encoder.gguf", tokens, weights, arguments.layers, arguments.width)
    write_tokenizer(arguments.folder / "onnx" / "tokenizer.json", tokens)
    write_onnx(arguments.folder / "onnx" / "model.onnx", weights, arguments.layers, arguments.width)


if __name__ == "__main__":
    main()
