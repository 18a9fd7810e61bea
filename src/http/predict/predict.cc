#include <atomic>

#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/predict/handlers.h"
#include "http/predict/picture.h"
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

void answer(Exchange& exchange, const std::string& model, const std::string& version, const scheduling::TensorAnswer& result) {
  JsonWriter json;
  json.object().field("model", model).field("version", version);
  write_outputs(json, result.outputs);
  json.field("inference_time_ms", milliseconds(result.inference)).end();
  exchange.answer({.body = json.take(), .headers = {server_timing(result)}});
}

Result<> predict_json(const ExchangePtr& exchange) {
  TRY_ASSIGN(const auto body, read_predict_body(exchange->body(), exchange->parts().json_limits()));
  if (body.object.find("image")) return predict_image_json(exchange), Result<>();
  TRY(exchange->set_urgency(body.urgency));
  TRY_ASSIGN(auto model, lease_tensors(*exchange, body.model, body.version));
  scheduling::TensorRequest request;
  TRY_ASSIGN(request.inputs, read_inputs(body.object, model->description));
  TRY_ASSIGN(request.outputs, read_outputs(body.object, model->description));
  exchange->drop_body();
  run_tensors(exchange, model, std::move(request), [exchange](const models::ServedModel& served, scheduling::TensorAnswer result) {
    const auto outputs = result.outputs;
    write_outputs_where_it_fits(exchange, outputs, [exchange, name = served.name, version = served.version, result = std::move(result)] {
      answer(*exchange, name, version, result);
    });
  });
  return {};
}

}  // namespace

void predict(const ExchangePtr& exchange) {
  const auto type = exchange->content_type();
  if (type == "image/png" || type == "image/jpeg" || type == "image/webp") return predict_image(exchange);
  if (type == "multipart/form-data") return predict_form(exchange);
  if (!type.empty() && type != "application/json") {
    return exchange->refuse(
        Error(kContentType, "this route takes application/json, multipart/form-data, image/png, image/jpeg and image/webp"));
  }
  // Small bodies are read right here: two hops to the pool and back cost more than they do.
  if (exchange->body().size() > kLoopJsonBytesMax) return prepare_on_pool(exchange, [exchange] { return predict_json(exchange); });
  if (auto done = predict_json(exchange); !done) exchange->refuse(done.error());
}

}  // namespace forebay::http::predict
