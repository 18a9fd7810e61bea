"""Writes a Llama-architecture GGUF with random Q8_0 weights: speed does not depend on what the weights say.

    python3 bench/make_model.py OUT.gguf [--layers 18] [--width 512] [--context 8192]

Tokenizer and chat template are those of examples/models/chat.gguf, so that every server can tokenise and chat with it.
"""

import argparse
import pathlib

import gguf
import numpy as np

EXAMPLE = pathlib.Path(__file__).resolve().parents[1] / "examples" / "models" / "chat.gguf"


def copy_tokenizer(reader, writer):
    """Copies every tokenizer.* entry; returns the vocabulary's size."""
    for field in reader.fields.values():
        if not field.name.startswith("tokenizer."):
            continue
        kind = field.types[0]
        if kind == gguf.GGUFValueType.ARRAY:
            writer.add_array(field.name, field.contents())
        else:
            writer.add_key_value(field.name, field.contents(), kind)
    return len(reader.fields["tokenizer.ggml.tokens"].contents())


def write_model(path, layers, width, context, seed=1):
    heads, feed_forward = width // 64, width * 11 // 4 // 32 * 32
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "llama")
    vocabulary = copy_tokenizer(gguf.GGUFReader(EXAMPLE), writer)
    writer.add_name("forebay-bench")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)

    def matrix(name, rows, columns):
        weights = random.standard_normal((rows, columns), dtype=np.float32) * (0.5 / np.sqrt(columns))
        writer.add_tensor(name, gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    def norm(name):
        writer.add_tensor(name, np.ones(width, dtype=np.float32))

    matrix("token_embd.weight", vocabulary, width)
    for layer in range(layers):
        norm(f"blk.{layer}.attn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{layer}.{part}.weight", width, width)
        norm(f"blk.{layer}.ffn_norm.weight")
        matrix(f"blk.{layer}.ffn_gate.weight", feed_forward, width)
        matrix(f"blk.{layer}.ffn_up.weight", feed_forward, width)
        matrix(f"blk.{layer}.ffn_down.weight", width, feed_forward)
    norm("output_norm.weight")
    matrix("output.weight", vocabulary, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, default=18)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--context", type=int, default=8192)
    arguments = parser.parse_args()
    write_model(arguments.out, arguments.layers, arguments.width, arguments.context)
