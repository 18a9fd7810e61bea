#include "http/tensor_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "http/errors.h"
#include "models/errors.h"
#include "models/served_model.h"
#include "tensors/array_json.h"

namespace forebay::http {

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

Result<tensors::Tensor> input_from_json(const formats::TensorSpec& spec, const JsonValue& value) {
  constexpr auto kNan = tensors::NanPolicy::kRefuse;
  auto tensor = spec.has_shape ? tensors::tensor_from_json(value.raw(), spec.dtype, spec.shape, kNan)
                               : tensors::tensor_from_json(value.raw(), spec.dtype, kNan);
  if (!tensor) return fail(about_input(tensor.error(), spec.name, value.path()));
  return tensor;
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

void submit_tensors(const ExchangePtr& exchange, const models::Lease& model, scheduling::TensorRequest request,
                    std::function<void(Result<scheduling::TensorAnswer> answer)> then) {
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  request.ticket = exchange->ticket();
  request.will_help = exchange->inline_runs().is_here();
  if (request.will_help) exchange->inline_runs().add(model);
  auto submitted = model->tensors->submit(std::move(request), [exchange, then](Result<scheduling::TensorAnswer> answer) mutable {
    // On the engine's thread: nothing but the hop.
    exchange->on_loop([exchange, then = std::move(then), answer = std::move(answer)]() mutable {
      if (!exchange->ended()) then(std::move(answer));
    });
  });
  if (submitted) return;
  exchange->on_loop([exchange, then = std::move(then), error = std::move(submitted).error()]() mutable {
    if (!exchange->ended()) then(fail(std::move(error)));
  });
}

void run_tensors(const ExchangePtr& exchange, const models::Lease& model, scheduling::TensorRequest request,
                 std::function<void(const models::ServedModel& model, scheduling::TensorAnswer answer)> then) {
  submit_tensors(exchange, model, std::move(request),
                 [exchange, served = &*model, then = std::move(then)](Result<scheduling::TensorAnswer> answer) {
                   if (!answer) return exchange->refuse(answer.error());
                   then(*served, *std::move(answer));
                 });
}

bool fit_on_loop(const tensors::NamedTensors& outputs) {
  constexpr std::size_t kNumberBytes = 8;  // of a number as text
  std::size_t elements = 0;
  for (const auto& output : outputs) elements += output.tensor.size();
  return elements <= kLoopJsonBytesMax / kNumberBytes;
}

std::pair<std::string, std::string> server_timing(const scheduling::TensorAnswer& answer) {
  std::string timing = fmt::format("queue;dur={:.3f}, inference;dur={:.3f}", static_cast<double>(answer.queued.count()) / 1000,
                                   static_cast<double>(answer.inference.count()) / 1000);
  if (answer.source != scheduling::AnswerSource::kRun) timing += fmt::format(", answer;desc={}", scheduling::name_of(answer.source));
  return {"Server-Timing", std::move(timing)};
}

}  // namespace forebay::http
