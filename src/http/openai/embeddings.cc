#include <fmt/format.h>

#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/openai/embeddings_request.h"
#include "http/openai/handlers.h"

namespace forebay::http::openai {

namespace {

std::string answer(const inference::Embeddings& embedded, bool base64) {
  JsonWriter json;
  json.object().field("object", "list").key("data").array();
  for (std::size_t i = 0; i < embedded.vectors.size(); ++i) {
    json.object().field("object", "embedding").field("index", i).key("embedding");
    write_vector(json, embedded.vectors[i], base64);
    json.end();
  }
  json.end().field("model", embedded.model);
  json.key("usage").object().field("prompt_tokens", embedded.tokens).field("total_tokens", embedded.tokens).end().end();
  return json.take();
}

}  // namespace

Result<EmbeddingsRequest> read_embeddings_request(std::string_view text, const RequestLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits.json));
  TRY(body.only({"input", "model", "encoding_format", "dimensions", "user", "truncate", kPriorityField, kTimeoutField}));
  EmbeddingsRequest request;
  TRY_ASSIGN(request.order.model, body.string_or("model", ""));
  TRY_ASSIGN(request.order.urgency, read_urgency(body));
  TRY_ASSIGN(const auto input, body.need("input"));
  TRY_ASSIGN(request.order.params.texts, read_texts(input));
  TRY(read_dimensions(body, "dimensions", request.order.params));
  TRY_ASSIGN(const bool truncate, body.boolean_or("truncate", false));
  if (truncate) request.order.params.truncation = inference::Truncation::kEnd;
  TRY_ASSIGN(const auto format, body.string_or("encoding_format", "float"));
  if (format != "float" && format != "base64") {
    return fail(Error(kFieldRange, "'encoding_format' must be float or base64").with_field("encoding_format"));
  }
  request.base64 = format == "base64";
  TRY(body.string_or("user", ""));
  return request;
}

void embeddings(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(const auto request, read_embeddings_request(exchange->body(), limits_of(exchange->parts().options)));
    embed(exchange, request.order, [base64 = request.base64](const inference::Embeddings& embedded) { return answer(embedded, base64); });
    return {};
  });
}

}  // namespace forebay::http::openai
