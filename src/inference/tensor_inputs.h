// Named inputs of a tensor model, matched with the model's own description.
// Thread safety: no state.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "formats/model_description.h"
#include "tensors/array_json.h"
#include "tensors/tensor.h"

namespace forebay::inference {

// Returns the input of this name. Errors: kInputUnknown, with the nearest name in the hint.
Result<const formats::TensorSpec*> input_of(const formats::ModelDescription& description, std::string_view name);
// Returns the error of reading an input: its message begins with the input's name, and it is about `field`.
Error about_input(const Error& error, std::string_view name, std::string field);
// Reads a JSON value as this input: nested or flat, a batch or one row of it; NaN is refused. Errors: those of tensors::tensor_from_json.
Result<tensors::Tensor> input_from_json(const formats::TensorSpec& spec, std::string_view json, const tensors::ArrayLimits& limits = {});
// Checks that every input which is not optional is there, once. Errors: kInputMissing, kFieldConflict.
Result<> check_complete(const formats::ModelDescription& description, const tensors::NamedTensors& inputs);
// Checks type and shape. Errors: kInputMismatch.
Result<> check_input(const formats::TensorSpec& spec, const tensors::Tensor& tensor);
// Returns the tensor in the shape of the input: [1] for a scalar, or a scalar for [1]. Errors: kInputMismatch.
Result<tensors::Tensor> fitted_input(const formats::TensorSpec& spec, tensors::Tensor tensor);

}  // namespace forebay::inference
