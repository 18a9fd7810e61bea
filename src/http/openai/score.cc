// POST /v1/score: how well texts fit each other, by a reranker, or by the cosine of an embedding model's vectors.
//   {"model", "text_1": "text" or ["text", …], "text_2": the same}: one text_1 with each text_2, or as many of both in pairs
// Source: docs.vllm.ai, "Score API".
#include <fmt/format.h>

#include <algorithm>

#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/openai/answers.h"
#include "http/openai/handlers.h"
#include "http/rerank_run.h"

namespace forebay::http::openai {

namespace {

struct ScoreRequest {
  std::string model;
  Urgency urgency;
  std::vector<std::pair<std::string, std::string>> pairs;
};

// By any of the names that versions of vLLM gave it.
Result<std::vector<std::string>> read_side(const JsonObject& body, std::initializer_list<std::string_view> names) {
  std::optional<JsonValue> field;
  for (const auto name : names) {
    const auto found = body.find(name);
    if (found && field)
      return fail(Error(kFieldConflict, fmt::format("both '{}' and '{}' are given", field->path(), name)).with_field(found->path()));
    if (found) field = found;
  }
  if (!field) return fail(Error(kFieldMissing, fmt::format("'{}' is missing", *names.begin())).with_field(std::string(*names.begin())));
  if (field->type() != JsonType::kString) return read_documents(*field, kTextsReadMax);
  TRY_ASSIGN(auto text, field->string());
  return std::vector{std::move(text)};
}

Result<ScoreRequest> read_score(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"model", "text_1", "text_2", "queries", "documents", "data_1", "data_2", "user", kPriorityField, kTimeoutField}));
  ScoreRequest request;
  TRY_ASSIGN(request.model, body.string_or("model", ""));
  TRY_ASSIGN(request.urgency, read_urgency(body));
  TRY_ASSIGN(const auto first, read_side(body, {"text_1", "queries", "data_1"}));
  TRY_ASSIGN(const auto second, read_side(body, {"text_2", "documents", "data_2"}));
  if (first.size() != 1 && first.size() != second.size())
    return fail(
        Error(kFieldRange, fmt::format("{} first texts do not go with {} second ones: send one, or as many", first.size(), second.size()))
            .with_field("text_1"));
  for (std::size_t i = 0; i < second.size(); ++i) request.pairs.emplace_back(first[first.size() == 1 ? 0 : i], second[i]);
  return request;
}

struct Written {
  std::string id;
  std::int64_t created = 0;
};

std::string answer(const Written& with, const std::string& model, const std::vector<float>& scores, std::uint32_t tokens) {
  JsonWriter json;
  json.object().field("id", "score-" + with.id).field("object", "list").field("created", with.created).field("model", model);
  json.key("data").array();
  for (std::size_t i = 0; i < scores.size(); ++i) json.object().field("index", i).field("object", "score").field("score", scores[i]).end();
  json.end().key("usage").object().field("prompt_tokens", tokens).field("total_tokens", tokens).end().end();
  return json.take();
}

void score_by_pairs(const ExchangePtr& exchange, ScoreRequest request, const Written& with) {
  ScoringOrder order{.model = std::move(request.model), .urgency = request.urgency, .params = {.truncate = false, .field = "text_2"}};
  for (auto& [first, second] : request.pairs) order.params.texts.emplace_back(std::move(first), std::move(second));
  http::score(exchange, order, [with](const inference::Scores& scores) {
    return answer(with, scores.model, inference::relevance(scores, false), scores.tokens);
  });
}

void score_by_cosine(const ExchangePtr& exchange, ScoreRequest request, const Written& with) {
  EmbeddingOrder order;
  order.model = std::move(request.model);
  order.urgency = request.urgency;
  order.params.field = "text_2";
  for (auto& [first, second] : request.pairs) {
    order.params.texts.emplace_back(std::move(first));
    order.params.texts.emplace_back(std::move(second));
  }
  embed(exchange, order, [with](const inference::Embeddings& embedded) {
    std::vector<float> scores;
    for (std::size_t i = 0; i + 1 < embedded.vectors.size(); i += 2)
      scores.push_back(inference::cosine(embedded.vectors[i], embedded.vectors[i + 1]));
    return answer(with, embedded.model, scores, embedded.tokens);
  });
}

}  // namespace

void score(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(auto request, read_score(exchange->body(), exchange->parts().json_limits()));
    const Written with{exchange->id(), unix_seconds(*exchange)};
    const auto reranker = lease_scorer(*exchange, request.model, inference::ScoringKind::kRanking);
    if (!reranker && lease_for(*exchange, request.model, formats::Task::kEmbedding))
      score_by_cosine(exchange, std::move(request), with);
    else
      score_by_pairs(exchange, std::move(request), with);
    return {};
  });
}

}  // namespace forebay::http::openai
