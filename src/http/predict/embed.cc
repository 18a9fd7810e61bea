#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/generation.h"
#include "http/predict/handlers.h"
#include "http/predict/predict_answer.h"

namespace forebay::http::predict {

namespace {

//   {"input": "text" or ["text", …], "model", "dimensions", "truncate", "prompt_name", "priority", "timeout_ms"}
Result<EmbeddingOrder> read_order(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"input", "model", "dimensions", "truncate", "prompt_name", kPriorityField, kTimeoutField}));
  EmbeddingOrder order;
  TRY_ASSIGN(order.model, body.string_or("model", ""));
  TRY_ASSIGN(order.urgency, read_urgency(body));
  TRY_ASSIGN(const auto input, body.need("input"));
  TRY_ASSIGN(order.params.texts, read_texts(input));
  TRY_ASSIGN(const bool truncate, body.boolean_or("truncate", false));
  if (truncate) order.params.truncation = inference::Truncation::kEnd;
  TRY(read_prompt_name(body, order.params));
  TRY(read_dimensions(body, "dimensions", order.params));
  return order;
}

std::string answer(const inference::Embeddings& embedded) {
  JsonWriter json;
  json.object().field("model", embedded.model).key("embeddings").array();
  for (const auto& vector : embedded.vectors) write_vector(json, vector);
  json.end().field("dimensions", embedded.vectors.empty() ? 0 : embedded.vectors.front().size()).field("tokens", embedded.tokens);
  json.field("inference_time_ms", milliseconds(embedded.inference)).end();
  return json.take();
}

}  // namespace

void embed(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(const auto order, read_order(exchange->body(), exchange->parts().json_limits()));
    http::embed(exchange, order, answer);
    return {};
  });
}

}  // namespace forebay::http::predict
