// Arrays of numbers, bools and strings between JSON text (RFC 8259) and tensors, without a tree in between.
// Numbers that JSON cannot write are strings, as in protobuf's JSON mapping: "NaN", "Infinity", "-Infinity".
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// Whether floating-point values that are no numbers are let through: the three strings above, and null as NaN.
enum class NanPolicy : std::uint8_t { kRefuse, kAllow };

struct ArrayLimits {
  std::size_t elements_max = 64 << 20;
  std::size_t depth_max = 16;
  std::size_t string_bytes_max = 1 << 20;  // of one string element, as it is stored
};

// One JSON value, with nothing but white space around it, as a tensor of `dtype`. `wanted` has -1 for free dimensions.
//   nested     as deep as `wanted` has dimensions; or one less deep, when the first dimension is free or 1: a batch of one
//   flat       one array (or one bare value) whose length fits the shape with at most one free dimension
// Integers may be written as 1.0 or 1e3 where they are whole. Bools are true and false, or 0 and 1; true and false are no
// numbers. Strings must be UTF-8 without lone surrogates.
// Errors name the byte, counted from the start of `json`: kArrayJsonSyntax, kArrayRagged, kArrayNotFinite, kTensorTypeMismatch,
// kTensorValueOutOfRange, kTensorShapeMismatch, kTensorShapeInvalid, kTensorTooLarge (elements, depth or string bytes).
Result<Tensor> tensor_from_json(std::string_view json, DType dtype, const Shape& wanted, NanPolicy nan, const ArrayLimits& limits = {});
// Of whatever rank: the shape is as the arrays are nested.
Result<Tensor> tensor_from_json(std::string_view json, DType dtype, NanPolicy nan, const ArrayLimits& limits = {});

// Nested as the shape says; rank 0 is a bare value, a tensor without elements is []. Floating-point numbers are the shortest
// text that reads back the same (halves: as a float). kArrayNotText: a string that is not UTF-8.
Result<> append_json(std::string& out, const Tensor& tensor);
// One array of all elements, row-major.
Result<> append_json_flat(std::string& out, const Tensor& tensor);

}  // namespace forebay::tensors
