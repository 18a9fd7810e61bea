#include <atomic>

#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/predict/handlers.h"
#include "http/predict/picture.h"
#include "http/predict/predict_answer.h"
#include "http/predict/predict_request.h"
#include "http/predict/recipes.h"
#include "http/tei/handlers.h"
#include "http/tensor_run.h"
#include "inference/field_errors.h"
#include "models/served_model.h"
#include "tensors/array_json.h"

namespace forebay::http::predict {

Result<> write_outputs(JsonWriter& json, const tensors::NamedTensors& outputs) {
  const auto write = [&json](const std::string& key, const tensors::NamedTensor& output) -> Result<> {
    auto written = tensors::append_json(json.key(key).begin_value(), output.tensor);
    if (!written) return fail(inference::about(std::move(written).error(), "outputs." + output.name));
    return {};
  };
  if (outputs.size() == 1) TRY(write("output", outputs.front()));
  json.key("outputs").object();
  for (const auto& output : outputs) TRY(write(output.name, output));
  json.end();
  return {};
}

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

namespace {

void answer(Exchange& exchange, const models::ServedModel& model, const RecipeRequest& asked, const scheduling::TensorAnswer& result) {
  JsonWriter json;
  json.object().field("model", model.name).field("version", model.version);
  if (auto written = write_recipe_answer(json, asked, model.description, result.outputs); !written) return exchange.refuse(written.error());
  json.field("inference_time_ms", milliseconds(result.inference)).end();
  exchange.answer({.body = json.take(), .headers = {server_timing(result)}});
}

Result<> predict_tensors(const ExchangePtr& exchange) {
  TRY_ASSIGN(const auto body, read_predict_body(exchange->body(), exchange->parts().json_limits()));
  if (body.object.find("image")) return predict_image_json(exchange), Result<>();
  TRY(exchange->set_urgency(body.urgency));
  TRY_ASSIGN(auto model, lease_tensors(*exchange, body.model, body.version));
  scheduling::TensorRequest request;
  TRY_ASSIGN(auto asked, read_recipe_inputs(body.object, model->description));
  request.inputs = std::exchange(asked.inputs, {});
  TRY_ASSIGN(request.outputs, read_outputs(body.object, model->description));
  exchange->drop_body();
  // The completion must not keep the model alive while the runner holds it; once it is back here it may.
  run_tensors(
      exchange, model, std::move(request),
      [exchange, weak = models::WeakLease(model), asked = std::move(asked)](const models::ServedModel&, scheduling::TensorAnswer result) {
        auto served = weak.lock();
        if (!served) return;
        if (fit_on_loop(result.outputs)) return answer(*exchange, *served, asked, result);
        exchange->on_pool(
            [exchange, served = std::move(served), asked, result = std::move(result)] { answer(*exchange, *served, asked, result); });
      });
  return {};
}

// Text Embeddings Inference has a route of this name for texts. It is meant where tensors cannot be.
Result<> predict_json(const ExchangePtr& exchange) {
  auto done = predict_tensors(exchange);
  if (done || !tei::asks_for_classes(*exchange)) return done;
  tei::classify(exchange);
  return {};
}

}  // namespace

void predict(const ExchangePtr& exchange) {
  const auto type = exchange->content_type();
  if (type == "image/png" || type == "image/jpeg" || type == "image/webp") return predict_image(exchange);
  if (type == "multipart/form-data") return predict_form(exchange);
  if (!type.empty() && !exchange->is_json()) {
    return exchange->refuse(
        refused_type(type, "this route takes application/json, multipart/form-data, image/png, image/jpeg and image/webp"));
  }
  // Small bodies are read right here: two hops to the pool and back cost more than they do.
  if (exchange->body().size() > kLoopJsonBytesMax) return prepare_on_pool(exchange, [exchange] { return predict_json(exchange); });
  if (auto done = predict_json(exchange); !done) exchange->refuse(done.error());
}

}  // namespace forebay::http::predict
