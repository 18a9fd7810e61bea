#include <fmt/format.h>

#include <algorithm>

#include "http/cohere/handlers.h"
#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/rerank_run.h"
#include "http/tei/handlers.h"

namespace forebay::http::tei {

namespace {

// What every route of this dialect lets say: {"truncate", "truncation_direction": "Right" or "Left", "model"} and our own.
Result<inference::Truncation> read_truncation(const JsonObject& body) {
  TRY_ASSIGN(const bool truncate, body.boolean_or("truncate", true));
  TRY_ASSIGN(const auto direction, body.string_or("truncation_direction", "Right"));
  const bool at_start = direction == "Left" || direction == "left";
  if (!at_start && direction != "Right" && direction != "right")
    return fail(Error(kFieldRange, "'truncation_direction' must be Right or Left").with_field("truncation_direction"));
  if (!truncate) return inference::Truncation::kNone;
  return at_start ? inference::Truncation::kStart : inference::Truncation::kEnd;
}

Result<> read_shared(const JsonObject& body, EmbeddingOrder& order) {
  TRY_ASSIGN(order.model, body.string_or("model", ""));
  TRY_ASSIGN(order.urgency, read_urgency(body));
  TRY_ASSIGN(order.params.truncation, read_truncation(body));
  return {};
}

Result<> read_shared(const JsonObject& body, ScoringOrder& order) {
  TRY_ASSIGN(order.model, body.string_or("model", ""));
  TRY_ASSIGN(order.urgency, read_urgency(body));
  TRY_ASSIGN(const auto truncation, read_truncation(body));
  if (truncation == inference::Truncation::kStart)
    return fail(Error(kFieldNotSupported, "texts are cut at their end here: 'truncation_direction' must be Right")
                    .with_field("truncation_direction"));
  order.params.truncate = truncation == inference::Truncation::kEnd;
  return {};
}

Result<EmbeddingOrder> read_embed(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only(
      {"inputs", "model", "truncate", "truncation_direction", "prompt_name", "normalize", "dimensions", kPriorityField, kTimeoutField}));
  EmbeddingOrder order;
  order.params.field = "inputs";
  TRY(read_shared(body, order));
  TRY_ASSIGN(const auto inputs, body.need("inputs"));
  TRY_ASSIGN(order.params.texts, read_texts(inputs));
  TRY_ASSIGN(order.params.normalize, body.boolean_or("normalize", true));
  TRY(read_prompt_name(body, order.params));
  TRY(read_dimensions(body, "dimensions", order.params));
  return order;
}

struct RerankRequest {
  ScoringOrder order;
  std::vector<std::string> texts;
  bool raw = false;
  bool returns_text = false;
};

Result<RerankRequest> read_rerank(const JsonObject& body) {
  TRY(body.only(
      {"query", "texts", "model", "raw_scores", "return_text", "truncate", "truncation_direction", kPriorityField, kTimeoutField}));
  RerankRequest request;
  request.order.params.field = "texts";
  TRY(read_shared(body, request.order));
  TRY_ASSIGN(const auto query_field, body.need("query"));
  TRY_ASSIGN(const auto query, query_field.string());
  TRY_ASSIGN(const auto texts, body.need("texts"));
  TRY_ASSIGN(request.texts, read_documents(texts, kTextsReadMax));
  for (const auto& one : request.texts) request.order.params.texts.emplace_back(query, one);
  TRY_ASSIGN(request.raw, body.boolean_or("raw_scores", false));
  TRY_ASSIGN(request.returns_text, body.boolean_or("return_text", false));
  return request;
}

// "text", ["first", "second"], or a list of those. A list of strings is one pair when it has two, as there.
Result<std::pair<std::string, std::optional<std::string>>> read_one(const JsonValue& value) {
  if (value.type() != JsonType::kArray) {
    TRY_ASSIGN(auto alone, value.string());
    return std::pair(std::move(alone), std::optional<std::string>());
  }
  TRY_ASSIGN(const auto items, value.items(2));
  if (items.empty()) return fail(Error(kFieldRange, fmt::format("'{}' is empty", value.path())).with_field(value.path()));
  TRY_ASSIGN(auto first, items[0].string());
  if (items.size() == 1) return std::pair(std::move(first), std::optional<std::string>());
  TRY_ASSIGN(auto second, items[1].string());
  return std::pair(std::move(first), std::optional(std::move(second)));
}

struct ClassifyRequest {
  ScoringOrder order;
  bool raw = false;
  bool is_list = false;
};

Result<ClassifyRequest> read_classify(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"inputs", "model", "raw_scores", "truncate", "truncation_direction", kPriorityField, kTimeoutField}));
  ClassifyRequest request;
  request.order.params.field = "inputs";
  request.order.params.kind = inference::ScoringKind::kClasses;
  TRY(read_shared(body, request.order));
  TRY_ASSIGN(request.raw, body.boolean_or("raw_scores", false));
  TRY_ASSIGN(const auto inputs, body.need("inputs"));
  if (inputs.type() == JsonType::kArray) {
    TRY_ASSIGN(const auto items, inputs.items(kTextsReadMax));
    request.is_list = !items.empty() && items.front().type() == JsonType::kArray;
    for (const auto& item : items) {
      if (!request.is_list) break;
      TRY_ASSIGN(auto one, read_one(item));
      request.order.params.texts.push_back(std::move(one));
    }
  }
  if (!request.is_list) {
    TRY_ASSIGN(auto one, read_one(inputs));
    request.order.params.texts.push_back(std::move(one));
  }
  return request;
}

void write_classes(JsonWriter& json, const inference::Scores& scores, std::size_t index, bool raw) {
  json.array();
  for (const auto& [label, score] : inference::classes_of(scores, index, raw))
    json.object().field("score", score).field("label", label).end();
  json.end();
}

Result<EmbeddingOrder> read_similarity(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"inputs", "parameters", "model", "truncate", "truncation_direction", kPriorityField, kTimeoutField}));
  EmbeddingOrder order;
  TRY(read_shared(body, order));
  TRY_ASSIGN(const auto inputs_field, body.need("inputs"));
  TRY_ASSIGN(const auto inputs, JsonObject::of(inputs_field));
  TRY_ASSIGN(const auto source, inputs.need("source_sentence"));
  TRY_ASSIGN(order.params.texts, read_texts(source, 1));
  TRY_ASSIGN(const auto sentences, inputs.need("sentences"));
  TRY_ASSIGN(auto others, read_texts(sentences));
  for (auto& other : others) order.params.texts.push_back(std::move(other));
  order.params.field = "inputs";
  if (const auto field = body.find("parameters")) {
    TRY_ASSIGN(const auto parameters, JsonObject::of(*field));
    TRY(parameters.only({"truncate", "truncation_direction", "prompt_name"}));
    TRY_ASSIGN(order.params.truncation, read_truncation(parameters));
    TRY(read_prompt_name(parameters, order.params));
  }
  return order;
}

bool is_text_or_texts(const JsonValue& value, int depth = 0) {
  if (value.type() == JsonType::kString) return true;
  if (value.type() != JsonType::kArray || depth == 2) return false;
  const auto items = value.items(kTextsReadMax);
  return items && !items->empty() && std::ranges::all_of(*items, [&](const JsonValue& item) { return is_text_or_texts(item, depth + 1); });
}

}  // namespace

bool asks_for_classes(const Exchange& exchange) {
  const auto body = JsonObject::parse(exchange.body(), exchange.parts().json_limits());
  if (!body || body->find("input") || body->find("image") || body->find("outputs")) return false;
  const auto inputs = body->find("inputs");
  const auto model = body->string_or("model", "");
  return inputs && model && is_text_or_texts(*inputs) && lease_scorer(exchange, *model, inference::ScoringKind::kClasses);
}

void embed(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(const auto order, read_embed(exchange->body(), exchange->parts().json_limits()));
    http::embed(exchange, order, [](const inference::Embeddings& embedded) {
      JsonWriter json;
      json.array();
      for (const auto& vector : embedded.vectors) write_vector(json, vector);
      json.end();
      return json.take();
    });
    return {};
  });
}

void rerank(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(const auto body, JsonObject::parse(exchange->body(), exchange->parts().json_limits()));
    if (body.find("documents")) return cohere::start_rerank(exchange);  // the shape of Jina and others, by the same name
    TRY_ASSIGN(auto request, read_rerank(body));
    const auto order = std::move(request.order);
    score(exchange, order, [request = std::move(request)](const inference::Scores& scores) {
      JsonWriter json;
      json.array();
      for (const auto& [index, score] : inference::ranking(scores, request.raw, kTextsReadMax)) {
        json.object().field("index", index).field("score", score);
        if (request.returns_text) json.field("text", request.texts[index]);
        json.end();
      }
      json.end();
      return json.take();
    });
    return {};
  });
}

void classify(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto request, read_classify(exchange->body(), exchange->parts().json_limits()));
    score(exchange, request.order, [raw = request.raw, is_list = request.is_list](const inference::Scores& scores) {
      JsonWriter json;
      if (is_list) json.array();
      for (std::size_t i = 0; i < scores.logits.size(); ++i) write_classes(json, scores, i, raw);
      if (is_list) json.end();
      return json.take();
    });
    return {};
  });
}

void similarity(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(const auto order, read_similarity(exchange->body(), exchange->parts().json_limits()));
    http::embed(exchange, order, [](const inference::Embeddings& embedded) {
      JsonWriter json;
      json.array();
      const auto& source = embedded.vectors.front();
      for (std::size_t i = 1; i < embedded.vectors.size(); ++i) json.value(inference::cosine(source, embedded.vectors[i]));
      json.end();
      return json.take();
    });
    return {};
  });
}

}  // namespace forebay::http::tei
