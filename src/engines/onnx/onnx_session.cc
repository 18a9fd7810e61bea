#include "engines/onnx/onnx_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "engines/errors.h"
#include "engines/library_message.h"
#include "engines/onnx/bounded_run.h"
#include "engines/onnx/empty_input.h"
#include "engines/onnx/onnx_values.h"

namespace forebay::engines {

using formats::TensorSpec;

namespace {
std::unexpected<Error> mismatch(const std::string& input, std::string message) {
  return fail(Error(kInputMismatch, std::move(message)).with_field(input));
}

// A specification without dimensions is a scalar, or a model that does not state its shape: the library decides.
bool fits(const tensors::Shape& shape, const tensors::Shape& wanted) {
  if (wanted.empty()) return true;
  return std::ranges::equal(shape, wanted, [](std::int64_t size, std::int64_t limit) { return limit < 0 || size == limit; });
}

std::string names_of(const std::vector<TensorSpec>& specs) {
  return fmt::format("'{}'", fmt::join(specs | std::views::transform(&TensorSpec::name), "', '"));
}

Result<> check_input(const tensors::NamedTensor& input, const TensorSpec& spec) {
  const tensors::Tensor& tensor = input.tensor;
  if (tensor.dtype() != spec.dtype) {
    return mismatch(input.name, fmt::format("input '{}' is {}, the model takes {}", input.name, tensors::name_of(tensor.dtype()),
                                            tensors::name_of(spec.dtype)));
  }
  if (spec.has_shape && !fits(tensor.shape(), spec.shape)) {
    return mismatch(input.name, fmt::format("input '{}' has the shape {}, the model takes {}", input.name,
                                            tensors::to_string(tensor.shape()), tensors::to_string(spec.shape)));
  }
  return {};
}
}  // namespace

Result<> check_inputs(const tensors::NamedTensors& inputs, const std::vector<TensorSpec>& wanted) {
  for (auto input = inputs.begin(); input != inputs.end(); ++input) {
    const auto spec = std::ranges::find(wanted, input->name, &TensorSpec::name);
    if (spec == wanted.end())
      return mismatch(input->name, fmt::format("the model has no input '{}'; it has {}", input->name, names_of(wanted)));
    const bool twice = std::any_of(inputs.begin(), input, [&](const auto& earlier) { return earlier.name == input->name; });
    if (twice) return mismatch(input->name, fmt::format("input '{}' is given twice", input->name));
    TRY(check_input(*input, *spec));
  }
  for (const TensorSpec& spec : wanted) {
    if (!spec.is_optional && tensors::find_tensor(inputs, spec.name) == nullptr) {
      return mismatch(spec.name, fmt::format("input '{}' is missing: the model takes {} {}", spec.name, tensors::name_of(spec.dtype),
                                             tensors::to_string(spec.shape)));
    }
  }
  return {};
}

Result<tensors::NamedTensors> OnnxSession::run_within(const tensors::NamedTensors& inputs, std::span<const std::string> outputs,
                                                      const CancelToken& cancel, std::optional<Duration> time_max) {
  const formats::ModelDescription& description = model_->description();
  TRY(check_inputs(inputs, description.inputs));
  const std::vector<std::string>& all = model_->output_names();
  for (const std::string& name : outputs) {
    if (!std::ranges::contains(all, name)) {
      return fail(
          Error(kOutputUnknown, fmt::format("the model has no output '{}'; it has '{}'", name, fmt::join(all, "', '"))).with_field(name));
    }
  }
  if (cancel.cancelled()) return fail(cancel.error());
  const std::span<const std::string> wanted = outputs.empty() ? std::span<const std::string>(all) : outputs;
  TRY_ASSIGN(auto empty, answer_to_empty(inputs, wanted, description));
  if (empty) return *std::move(empty);
  RunBounds bounds = model_->run_bounds();
  if (time_max) bounds.time_max = std::min(bounds.time_max, *time_max);
  try {
    RunArguments arguments;
    for (const tensors::NamedTensor& input : inputs) {
      arguments.input_names.push_back(input.name.c_str());
      arguments.inputs.push_back(value_of(input.tensor));
    }
    for (const std::string& name : wanted) arguments.output_names.push_back(name.c_str());
    const OnnxModel::Turn turn(*model_);
    TRY_ASSIGN(auto results, bounded_run(turn.session(), arguments, bounds, cancel));
    tensors::NamedTensors answer;
    for (std::size_t i = 0; i < results.size(); ++i) {
      TRY_ASSIGN(tensors::Tensor tensor, tensor_of(wanted[i], std::move(results[i])));
      answer.push_back({wanted[i], std::move(tensor)});
    }
    return answer;
  } catch (const Ort::Exception& error) {
    return fail(kRunFailed, cleaned_library_message(error.what()));
  } catch (const std::bad_alloc&) {
    return fail(kRunFailed, "there is not enough memory for the run");
  }
}

}  // namespace forebay::engines
