#include "engines/onnx/empty_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "engines/errors.h"

namespace forebay::engines {

using formats::ModelDescription;
using formats::TensorSpec;
using tensors::NamedTensor;
using tensors::NamedTensors;
using tensors::Shape;

namespace {
// The size that the request gives to a dimension of this name.
std::optional<std::int64_t> size_named(const std::string& name, const NamedTensors& inputs, const ModelDescription& description) {
  if (name.empty()) return std::nullopt;
  for (const TensorSpec& spec : description.inputs) {
    const auto* given = tensors::find_tensor(inputs, spec.name);
    if (given == nullptr || given->shape().size() != spec.dimension_names.size()) continue;
    const auto found = std::ranges::find(spec.dimension_names, name);
    if (found != spec.dimension_names.end()) return given->shape()[static_cast<std::size_t>(found - spec.dimension_names.begin())];
  }
  return std::nullopt;
}

// The model itself wants an empty list of integers: axes, or a shape.
bool is_empty_list(const NamedTensor& input, const ModelDescription& description) {
  const auto spec = std::ranges::find(description.inputs, input.name, &TensorSpec::name);
  const bool is_integer = input.tensor.dtype() == tensors::DType::kInt64 || input.tensor.dtype() == tensors::DType::kInt32;
  return is_integer && spec != description.inputs.end() && spec->shape == Shape{0};
}

bool has_no_rows(const NamedTensors& inputs) {
  return std::ranges::all_of(inputs,
                             [](const NamedTensor& input) { return !input.tensor.shape().empty() && input.tensor.shape().front() == 0; });
}

// Nothing when a size is not known.
std::optional<Shape> shape_of(const TensorSpec& spec, const NamedTensors& inputs, const ModelDescription& description) {
  if (!spec.has_shape) return std::nullopt;
  Shape shape = spec.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) continue;
    const auto named = size_named(spec.dimension_names[i], inputs, description);
    if (named)
      shape[i] = *named;
    else if (i == 0 && description.batchable && has_no_rows(inputs))
      shape[i] = 0;
    else
      return std::nullopt;
  }
  return shape;
}
}  // namespace

Result<std::optional<NamedTensors>> answer_to_empty(const NamedTensors& inputs, std::span<const std::string> outputs,
                                                    const ModelDescription& description) {
  const auto empty = std::ranges::find_if(
      inputs, [&](const NamedTensor& input) { return input.tensor.size() == 0 && !is_empty_list(input, description); });
  if (empty == inputs.end()) return std::nullopt;
  NamedTensors answer;
  for (const std::string& name : outputs) {
    const auto spec = std::ranges::find(description.outputs, name, &TensorSpec::name);
    const auto shape = spec == description.outputs.end() ? std::nullopt : shape_of(*spec, inputs, description);
    if (!shape || !std::ranges::contains(*shape, 0)) {
      return fail(Error(kInputEmpty, fmt::format("input '{}' has the shape {}: it has no elements", empty->name,
                                                 tensors::to_string(empty->tensor.shape())))
                      .with_field(empty->name));
    }
    answer.push_back({name, tensors::Tensor::zeros(spec->dtype, *shape)});
  }
  return answer;
}

}  // namespace forebay::engines
