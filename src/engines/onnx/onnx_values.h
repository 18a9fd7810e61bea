// Between our tensors and the library's values.
// Threads: immutable. Owner: onnx/. Every function may throw Ort::Exception; the session catches.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "engines/onnx/onnx_api.h"
#include "tensors/tensor.h"

namespace forebay::engines {

ONNXTensorElementDataType onnx_type_of(tensors::DType dtype);
// Nothing for the types we have no tensors of (complex, float8, int4).
std::optional<tensors::DType> dtype_of(ONNXTensorElementDataType type);

// Views the tensor's memory, which must outlive the value; strings and misaligned memory are copied.
Ort::Value value_of(const tensors::Tensor& tensor);

// Takes over the value; the tensor views its memory and keeps it alive. Strings are copied. Sequences of maps and maps (ZipMap) become
// [rows, keys], columns ascending by key; sequences of equal tensors are stacked. kOutputUnsupported for everything else.
Result<tensors::Tensor> tensor_of(const std::string& name, Ort::Value value);

}  // namespace forebay::engines
