#include "inference/tensor_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/nearest.h"
#include "inference/errors.h"

namespace forebay::inference {

Result<const formats::TensorSpec*> input_of(const formats::ModelDescription& description, std::string_view name) {
  const auto found = std::ranges::find(description.inputs, name, &formats::TensorSpec::name);
  if (found != description.inputs.end()) return &*found;
  std::vector<std::string> names;
  for (const auto& input : description.inputs) names.push_back(input.name);
  Error error = Error(kInputUnknown, fmt::format("the model has no input '{}'", name.substr(0, 100)))
                    .with_field(fmt::format("inputs.{}", name.substr(0, 100)));
  if (const auto meant = nearest(name, names)) return fail(std::move(error).with_hint(fmt::format("did you mean '{}'?", *meant)));
  return fail(std::move(error));
}

Error about_input(const Error& error, std::string_view name, std::string field) {
  Error named(error.code(), fmt::format("input '{}': {}", name.substr(0, 100), error.message()));
  if (error.hint() != error.code().hint) named = std::move(named).with_hint(std::string(error.hint()));
  return std::move(named).with_field(std::move(field));
}

Result<tensors::Tensor> input_from_json(const formats::TensorSpec& spec, std::string_view json, const tensors::ArrayLimits& limits) {
  constexpr auto kNan = tensors::NanPolicy::kRefuse;
  return spec.has_shape ? tensors::tensor_from_json(json, spec.dtype, spec.shape, kNan, limits)
                        : tensors::tensor_from_json(json, spec.dtype, kNan, limits);
}

Result<> check_complete(const formats::ModelDescription& description, const tensors::NamedTensors& inputs) {
  for (const auto& spec : description.inputs) {
    const auto times = std::ranges::count(inputs, spec.name, &tensors::NamedTensor::name);
    if (times > 1)
      return fail(Error(kFieldConflict, fmt::format("the input '{}' is given {} times", spec.name, times)).with_field("inputs"));
    if (times == 0 && !spec.is_optional) {
      return fail(Error(kInputMissing,
                        fmt::format("the input '{}' ({} {}) is missing", spec.name, name_of(spec.dtype), tensors::to_string(spec.shape)))
                      .with_field("inputs"));
    }
  }
  return {};
}

Result<> check_input(const formats::TensorSpec& spec, const tensors::Tensor& tensor) {
  const auto& shape = tensor.shape();
  const auto fits = [](std::int64_t wanted, std::int64_t given) { return wanted < 0 || wanted == given; };
  if (tensor.dtype() == spec.dtype && (!spec.has_shape || std::ranges::equal(spec.shape, shape, fits))) return {};
  return fail(Error(kInputMismatch, fmt::format("the input '{}' is {} {}, and the model wants {} {}", spec.name, name_of(tensor.dtype()),
                                                tensors::to_string(shape), name_of(spec.dtype), tensors::to_string(spec.shape)))
                  .with_field(fmt::format("inputs.{}", spec.name)));
}

Result<tensors::Tensor> fitted_input(const formats::TensorSpec& spec, tensors::Tensor tensor) {
  const auto is_one = [](std::int64_t dimension) { return dimension == 1 || dimension < 0; };
  const bool scalar_as_row = spec.shape.empty() && tensor.shape() == tensors::Shape{1};
  const bool row_as_scalar = tensor.shape().empty() && spec.shape.size() == 1 && is_one(spec.shape[0]);
  if (spec.has_shape && (scalar_as_row || row_as_scalar)) {
    TRY_ASSIGN(tensor, tensor.reshaped(scalar_as_row ? tensors::Shape{} : tensors::Shape{1}));
  }
  TRY(check_input(spec, tensor));
  return tensor;
}

}  // namespace forebay::inference
