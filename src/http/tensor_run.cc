#include "http/tensor_run.h"

#include <fmt/format.h>

#include "inference/tensor_inputs.h"
#include "models/served_model.h"

namespace forebay::http {

Result<tensors::Tensor> input_from_json(const formats::TensorSpec& spec, const JsonValue& value) {
  auto tensor = inference::input_from_json(spec, value.raw());
  if (!tensor) return fail(inference::about_input(tensor.error(), spec.name, value.path()));
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
