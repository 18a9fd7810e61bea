// Operators of our own that quantize each row of a matrix by its own largest number. The library's dynamic quantization takes the range of
// the whole tensor, so that a text would change with the texts beside it.
// Threads: immutable. Owner: the process.
#pragma once

#include <string_view>

#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

inline constexpr std::string_view kRowsDomain = "forebay.rows";

// (x: float32 [..., n]) -> (q: uint8 [..., n] with the zero point 128, scale: float32 [..., 1]); x is about (q - 128) * scale.
inline constexpr std::string_view kQuantizeRows = "QuantizeRows";
// (x: float32 [..., n], scale: float32 [..., 1], bias: float32 [n], optional) -> x * scale + bias.
inline constexpr std::string_view kScaleRows = "ScaleRows";

// For every session of a graph with these operators.
OrtCustomOpDomain* rows_domain();

}  // namespace forebay::engines
