#include <fmt/format.h>

#include <algorithm>

#include "http/cohere/handlers.h"
#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/rerank_run.h"

namespace forebay::http::cohere {

namespace {

constexpr std::size_t kDocumentsMax = 1000;

struct RerankRequest {
  ScoringOrder order;
  std::vector<std::string> documents;
  std::size_t top = kDocumentsMax;
  bool returns_documents = false;
};

//   {"model", "query", "documents": [string or {"text"}], "top_n", "return_documents", "truncate"}
Result<RerankRequest> read_rerank(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"model", "query", "documents", "top_n", "return_documents", "truncate", "max_chunks_per_doc", "max_tokens_per_doc", "user",
                 kPriorityField, kTimeoutField}));
  RerankRequest request;
  TRY_ASSIGN(request.order.model, body.string_or("model", ""));
  TRY_ASSIGN(request.order.urgency, read_urgency(body));
  TRY_ASSIGN(const auto query_field, body.need("query"));
  TRY_ASSIGN(const auto query, query_field.string());
  TRY_ASSIGN(const auto documents, body.need("documents"));
  TRY_ASSIGN(request.documents, read_documents(documents, kDocumentsMax));
  for (const auto& document : request.documents) request.order.texts.emplace_back(query, document);
  TRY_ASSIGN(const auto top, body.integer_or("top_n", static_cast<std::int64_t>(kDocumentsMax), 1, 1 << 20));
  request.top = static_cast<std::size_t>(top);
  TRY_ASSIGN(request.returns_documents, body.boolean_or("return_documents", false));
  TRY_ASSIGN(request.order.truncate, body.boolean_or("truncate", true));
  return request;
}

void write_results(JsonWriter& json, const Scored& scored, const RerankRequest& request) {
  json.key("results").array();
  for (const auto& [index, score] : ranking(scored, false, request.top)) {
    json.object().field("index", index).field("relevance_score", score);
    if (request.returns_documents) json.key("document").object().field("text", request.documents[index]).end();
    json.end();
  }
  json.end();
}

void rerank_with(const ExchangePtr& exchange, std::string (*answer)(const Exchange&, const Scored&, const RerankRequest&)) {
  prepare_on_pool(exchange, [exchange, answer]() -> Result<> {
    TRY_ASSIGN(auto request, read_rerank(exchange->body(), exchange->parts().json_limits()));
    const auto order = std::move(request.order);
    score(exchange, order, [exchange = exchange.get(), answer, request = std::move(request)](const Scored& scored) {
      return answer(*exchange, scored, request);
    });
    return {};
  });
}

std::string answer_v1(const Exchange&, const Scored& scored, const RerankRequest& request) {
  JsonWriter json;
  json.object().field("object", "rerank").field("model", scored.model);
  write_results(json, scored, request);
  json.key("usage").object().field("prompt_tokens", scored.tokens).field("total_tokens", scored.tokens).end().end();
  return json.take();
}

std::string answer_v2(const Exchange& exchange, const Scored& scored, const RerankRequest& request) {
  JsonWriter json;
  json.object().field("id", exchange.id());
  write_results(json, scored, request);
  json.key("meta").object().key("api_version").object().field("version", "2").end();
  json.key("billed_units").object().field("search_units", 1).end().end().end();
  return json.take();
}

struct EmbedRequest {
  EmbeddingOrder order;
  std::vector<std::string> texts;
  bool floats = false;
  bool base64 = false;
};

Result<> read_types(const JsonObject& body, EmbedRequest& request) {
  const auto types = body.find("embedding_types");
  if (!types) {
    request.floats = true;
    return {};
  }
  TRY_ASSIGN(const auto items, types->items(16));
  for (const auto& item : items) {
    TRY_ASSIGN(const auto type, item.string());
    if (type != "float" && type != "base64")
      return fail(Error(kFieldRange, fmt::format("'{}' must be float or base64", item.path())).with_field(item.path()));
    (type == "float" ? request.floats : request.base64) = true;
  }
  return {};
}

//   {"model", "texts", "input_type", "embedding_types": ["float", "base64"], "output_dimension", "truncate": "NONE" or "END"}
Result<EmbedRequest> read_embed(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"model", "texts", "input_type", "embedding_types", "output_dimension", "truncate", kPriorityField, kTimeoutField}));
  EmbedRequest request;
  request.order.field = "texts";
  TRY_ASSIGN(request.order.model, body.string_or("model", ""));
  TRY_ASSIGN(request.order.urgency, read_urgency(body));
  TRY_ASSIGN(const auto texts, body.need("texts"));
  TRY_ASSIGN(request.order.texts, read_texts(texts, kRequestTextsMax));
  for (const auto& one : request.order.texts) {
    if (const auto* string = std::get_if<std::string>(&one)) request.texts.push_back(*string);
  }
  TRY(body.string_or("input_type", ""));
  TRY(read_types(body, request));
  TRY_ASSIGN(const auto truncate, body.string_or("truncate", "END"));
  if (truncate != "NONE" && truncate != "END") return fail(Error(kFieldRange, "'truncate' must be NONE or END").with_field("truncate"));
  request.order.truncate = truncate == "END";
  TRY(read_dimensions(body, "output_dimension", request.order));
  return request;
}

void write_embeddings(JsonWriter& json, const Embedded& embedded, bool base64) {
  json.key(base64 ? "base64" : "float").array();
  for (const auto& vector : embedded.vectors) write_vector(json, vector, base64);
  json.end();
}

}  // namespace

void rerank(const ExchangePtr& exchange) { rerank_with(exchange, answer_v1); }
void rerank_v2(const ExchangePtr& exchange) { rerank_with(exchange, answer_v2); }

void embed(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto request, read_embed(exchange->body(), exchange->parts().json_limits()));
    auto order = std::move(request.order);
    http::embed(exchange, std::move(order), [id = exchange->id(), request = std::move(request)](const Embedded& embedded) {
      JsonWriter json;
      json.object().field("id", id).key("embeddings").object();
      if (request.floats) write_embeddings(json, embedded, false);
      if (request.base64) write_embeddings(json, embedded, true);
      json.end().key("texts").array();
      for (const auto& text : request.texts) json.value(text);
      json.end().key("meta").object().key("api_version").object().field("version", "2").end();
      json.key("billed_units").object().field("input_tokens", embedded.tokens).end().end();
      json.field("response_type", "embeddings_by_type").end();
      return json.take();
    });
    return {};
  });
}

}  // namespace forebay::http::cohere
