#include <atomic>

#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/predict/handlers.h"
#include "http/predict/image.h"
#include "http/predict/predict_answer.h"
#include "http/predict/predict_request.h"
#include "http/tensor_run.h"
#include "models/served_model.h"
#include "tensors/array_json.h"

namespace forebay::http::predict {

void write_outputs(JsonWriter& json, const tensors::NamedTensors& outputs) {
  if (outputs.size() == 1) tensors::append_json(json.key("output").begin_value(), outputs.front().tensor);
  json.key("outputs").object();
  for (const auto& output : outputs) tensors::append_json(json.key(output.name).begin_value(), output.tensor);
  json.end();
}

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

namespace {

void answer(Exchange& exchange, const models::ServedModel& model, const scheduling::TensorAnswer& result) {
  JsonWriter json;
  json.object().field("model", model.name).field("version", model.version);
  write_outputs(json, result.outputs);
  json.field("inference_time_ms", milliseconds(result.inference)).end();
  exchange.answer({.body = json.take(), .headers = {server_timing(result)}});
}

Result<> predict_json(const ExchangePtr& exchange) {
  TRY_ASSIGN(const auto body, read_predict_body(exchange->body(), exchange->parts().json_limits()));
  TRY(exchange->set_urgency(body.urgency));
  TRY_ASSIGN(auto model, lease_tensors(*exchange, body.model, body.version));
  scheduling::TensorRequest request;
  TRY_ASSIGN(request.inputs, read_inputs(body.object, model->description));
  TRY_ASSIGN(request.outputs, read_outputs(body.object, model->description));
  run_tensors(exchange, model, std::move(request),
              [exchange](const models::ServedModel& served, const scheduling::TensorAnswer& result) { answer(*exchange, served, result); });
  return {};
}

// What JSON would say is in the query here, because the body is the picture.
Result<> predict_image(const ExchangePtr& exchange) {
  TRY_ASSIGN(const auto urgency, read_urgency(exchange->query(std::string(kPriorityField)), exchange->query(std::string(kTimeoutField))));
  TRY(exchange->set_urgency(urgency));
  TRY_ASSIGN(auto model, lease_tensors(*exchange, exchange->query("model"), exchange->query("version")));
  scheduling::TensorRequest request;
  const auto body = exchange->body();
  TRY_ASSIGN(request.inputs, inputs_from_image(std::as_bytes(std::span(body.data(), body.size())), model->description));
  run_tensors(exchange, model, std::move(request),
              [exchange](const models::ServedModel& served, const scheduling::TensorAnswer& result) { answer(*exchange, served, result); });
  return {};
}

}  // namespace

void predict(const ExchangePtr& exchange) {
  const auto type = exchange->content_type();
  if (type == "image/png" || type == "image/jpeg" || type == "image/webp") {
    return prepare_on_pool(exchange, [exchange] { return predict_image(exchange); });
  }
  if (!type.empty() && type != "application/json") {
    return exchange->refuse(Error(kContentType, "this route takes application/json, image/png, image/jpeg and image/webp"));
  }
  // Small bodies are read right here: two hops to the pool and back cost more than they do.
  if (auto done = predict_json(exchange); !done) exchange->refuse(done.error());
}

}  // namespace forebay::http::predict
