// A BERT encoder in a GGUF file as an ONNX graph of the runtime's fused operators, which compute it several times faster than libllama:
// one run takes many texts, and its matrix products are the runtime's. Weights become float32, or int8 with a scale for every column.
// Source of the names: llama.cpp's architecture "bert". Operators: onnxruntime docs/ContribOperators.md.
// Threads: immutable (no state). Owner: none.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/gguf_file.h"

namespace forebay::engines {

enum class EncoderPrecision : std::uint8_t { kFloat32, kInt8 };

inline constexpr std::string_view kBertOutput = "last_hidden_state";

// The serialised model: int32 input_ids and attention_mask [batch, tokens] to float32 last_hidden_state [batch, tokens, width].
// kModelRefused names what keeps the file from being translated; it may still be one that libllama runs.
Result<std::string> bert_graph(const formats::GgufFile& file, std::span<const std::byte> bytes, EncoderPrecision precision);

}  // namespace forebay::engines
