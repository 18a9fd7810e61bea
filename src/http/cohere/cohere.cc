#include <fmt/format.h>

#include <algorithm>

#include "http/cohere/embedding_types.h"
#include "http/cohere/handlers.h"
#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/rerank_run.h"

namespace forebay::http::cohere {

namespace {

struct RerankRequest {
  ScoringOrder order;
  std::vector<std::string> documents;
  std::size_t top = kTextsReadMax;
  bool returns_documents = false;
};

//   {"model", "query", "documents": [string or {"text"}], "top_n", "return_documents", "truncate", "max_tokens_per_doc"}
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
  TRY_ASSIGN(request.documents, read_documents(documents, kTextsReadMax));
  for (const auto& document : request.documents) request.order.params.texts.emplace_back(query, document);
  TRY_ASSIGN(const auto top,
             body.integer_or("top_n", static_cast<std::int64_t>(kTextsReadMax), 1, static_cast<std::int64_t>(kTextsReadMax)));
  request.top = static_cast<std::size_t>(top);
  TRY_ASSIGN(request.returns_documents, body.boolean_or("return_documents", false));
  TRY_ASSIGN(request.order.params.truncate, body.boolean_or("truncate", true));
  TRY_ASSIGN(const auto tokens, body.integer_or("max_tokens_per_doc", 0, 1, static_cast<std::int64_t>(kTextsReadMax)));
  request.order.params.second_tokens_max = static_cast<std::size_t>(tokens);
  TRY_ASSIGN(const auto chunks, body.integer_or("max_chunks_per_doc", 1, 1, static_cast<std::int64_t>(kTextsReadMax)));
  if (chunks != 1) {
    return fail(Error(kFieldNotSupported, "a document is read as one chunk, of at most 'max_tokens_per_doc' tokens")
                    .with_field("max_chunks_per_doc"));
  }
  return request;
}

void write_results(JsonWriter& json, const inference::Scores& scores, const RerankRequest& request) {
  json.key("results").array();
  for (const auto& [index, score] : inference::ranking(scores, false, request.top)) {
    json.object().field("index", index).field("relevance_score", score);
    if (request.returns_documents) json.key("document").object().field("text", request.documents[index]).end();
    json.end();
  }
  json.end();
}

using Answer = std::string (*)(const Exchange&, const inference::Scores&, const RerankRequest&);

Result<> start_with(const ExchangePtr& exchange, Answer answer) {
  TRY_ASSIGN(auto request, read_rerank(exchange->body(), exchange->parts().json_limits()));
  const auto order = std::move(request.order);
  score(exchange, order, [exchange = exchange.get(), answer, request = std::move(request)](const inference::Scores& scores) {
    return answer(*exchange, scores, request);
  });
  return {};
}

void rerank_with(const ExchangePtr& exchange, Answer answer) {
  prepare_on_pool(exchange, [exchange, answer] { return start_with(exchange, answer); });
}

std::string answer_v1(const Exchange&, const inference::Scores& scores, const RerankRequest& request) {
  JsonWriter json;
  json.object().field("object", "rerank").field("model", scores.model);
  write_results(json, scores, request);
  json.key("usage").object().field("prompt_tokens", scores.tokens).field("total_tokens", scores.tokens).end().end();
  return json.take();
}

std::string answer_v2(const Exchange& exchange, const inference::Scores& scores, const RerankRequest& request) {
  JsonWriter json;
  json.object().field("id", exchange.id());
  write_results(json, scores, request);
  json.key("meta").object().key("api_version").object().field("version", "2").end();
  json.key("billed_units").object().field("search_units", 1).end().end().end();
  return json.take();
}

struct EmbedRequest {
  EmbeddingOrder order;
  std::vector<std::string> texts;
  std::vector<EmbeddingType> types;
};

Result<std::vector<EmbeddingType>> read_types(const JsonObject& body) {
  std::vector<EmbeddingType> types;
  const auto field = body.find("embedding_types");
  if (!field) return std::vector{EmbeddingType::kFloat};
  TRY_ASSIGN(const auto items, field->items(16));
  for (const auto& item : items) {
    TRY_ASSIGN(const auto name, item.string());
    const auto type = embedding_type_named(name);
    if (!type) return fail(Error(kFieldRange, fmt::format("'{}' must be {}", item.path(), kEmbeddingTypeNames)).with_field(item.path()));
    if (!std::ranges::contains(types, *type)) types.push_back(*type);
  }
  if (types.empty()) types.push_back(EmbeddingType::kFloat);
  return types;
}

// What a text is for decides which of the model's prompts stands before it, by the names that sentence-transformers uses.
Result<std::vector<std::string>> read_input_type(const JsonObject& body) {
  TRY_ASSIGN(const auto type, body.string_or("input_type", ""));
  if (type.empty()) return std::vector<std::string>();
  if (type == "search_query") return std::vector<std::string>{"search_query", "query"};
  if (type == "search_document") return std::vector<std::string>{"search_document", "document", "passage", "corpus"};
  if (type == "classification" || type == "clustering") return std::vector<std::string>{type};
  if (type == "image") return fail(Error(kFieldNotSupported, "'input_type' image is not supported: texts only").with_field("input_type"));
  return fail(
      Error(kFieldRange, "'input_type' must be search_query, search_document, classification or clustering").with_field("input_type"));
}

Result<inference::Truncation> read_truncate(const JsonObject& body) {
  TRY_ASSIGN(const auto truncate, body.string_or("truncate", "END"));
  if (truncate == "NONE") return inference::Truncation::kNone;
  if (truncate == "END") return inference::Truncation::kEnd;
  if (truncate == "START") return inference::Truncation::kStart;
  return fail(Error(kFieldRange, "'truncate' must be NONE, START or END").with_field("truncate"));
}

//   {"model", "texts", "input_type", "embedding_types": ["float", …], "output_dimension", "truncate": "NONE", "START" or "END"}
Result<EmbedRequest> read_embed(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"model", "texts", "input_type", "embedding_types", "output_dimension", "truncate", kPriorityField, kTimeoutField}));
  EmbedRequest request;
  request.order.params.field = "texts";
  TRY_ASSIGN(request.order.model, body.string_or("model", ""));
  TRY_ASSIGN(request.order.urgency, read_urgency(body));
  TRY_ASSIGN(const auto texts, body.need("texts"));
  TRY_ASSIGN(request.order.params.texts, read_texts(texts));
  for (const auto& one : request.order.params.texts) {
    if (const auto* string = std::get_if<std::string>(&one)) request.texts.push_back(*string);
  }
  TRY_ASSIGN(request.order.params.prompts, read_input_type(body));
  TRY_ASSIGN(request.types, read_types(body));
  TRY_ASSIGN(request.order.params.truncation, read_truncate(body));
  TRY(read_dimensions(body, "output_dimension", request.order.params));
  return request;
}

void write_embeddings(JsonWriter& json, const inference::Embeddings& embedded, EmbeddingType type) {
  json.key(name_of(type)).array();
  for (const auto& vector : embedded.vectors) write_as(json, vector, type);
  json.end();
}

}  // namespace

Result<> start_rerank(const ExchangePtr& exchange) { return start_with(exchange, answer_v1); }
void rerank(const ExchangePtr& exchange) { rerank_with(exchange, answer_v1); }
void rerank_v2(const ExchangePtr& exchange) { rerank_with(exchange, answer_v2); }

void embed(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto request, read_embed(exchange->body(), exchange->parts().json_limits()));
    const auto order = std::move(request.order);
    http::embed(exchange, order, [id = exchange->id(), request = std::move(request)](const inference::Embeddings& embedded) {
      JsonWriter json;
      json.object().field("id", id).key("embeddings").object();
      for (const EmbeddingType type : request.types) write_embeddings(json, embedded, type);
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
