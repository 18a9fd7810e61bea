// Checks sparse tensors of an ONNX model: the library writes their values wherever their indices point.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "formats/onnx_model.h"

namespace forebay::formats {

// Returns: how many elements the dense tensor has.
// Errors: kOnnxSparseInvalid, kOnnxDimensionInvalid, or kOnnxLimitExceeded when the dense tensor takes more than `dense_bytes_max`.
// Requires: the bytes of `values` and `indices` were checked against their shapes.
Result<std::uint64_t> check_sparse(const OnnxSparseTensor& sparse, std::uint64_t dense_bytes_max);

}  // namespace forebay::formats
