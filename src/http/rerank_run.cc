#include "http/rerank_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "http/errors.h"
#include "http/openai/answers.h"
#include "models/served_model.h"
#include "scheduling/runners.h"

namespace forebay::http {

namespace {

Result<> tokenize(const models::ServedModel& model, const ScoringOrder& order, scheduling::EmbeddingRequest& request) {
  const text::EncodeOptions options{.tokens_max = model.sequence_tokens_max,
                                    .truncate_to = order.truncate ? model.sequence_tokens_max : 0,
                                    .cancel = &request.ticket.cancel};
  for (std::size_t i = 0; i < order.texts.size(); ++i) {
    const auto& [first, second] = order.texts[i];
    const std::string field = fmt::format("{}[{}]", order.field, i);
    if (second) {
      auto pair = model.tokenizer->encode_pair(first, *second, options);
      if (!pair) return fail(about(std::move(pair).error(), field));
      request.second_from.push_back(static_cast<std::uint32_t>(pair->second_from));
      request.texts.push_back(std::move(pair->tokens));
    } else {
      auto alone = model.tokenizer->encode(first, options);
      if (!alone) return fail(about(std::move(alone).error(), field));
      request.second_from.push_back(static_cast<std::uint32_t>(alone->size()));
      request.texts.push_back(*std::move(alone));
    }
  }
  return {};
}

Result<> start(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const Scored&)> to_json) {
  TRY(exchange->set_urgency(order.urgency));
  TRY_ASSIGN(const auto model, openai::lease_for(*exchange, order.model, formats::Task::kReranking));
  scheduling::EmbeddingRequest request{.ticket = exchange->ticket()};
  TRY(tokenize(*model, order, request));
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  auto submitted =
      model->embedding->submit(std::move(request), [exchange, name = model->name, labels = model->description.labels,
                                                    to_json = std::move(to_json)](Result<scheduling::EmbeddingAnswer> answer) mutable {
        if (!answer) return exchange->refuse(answer.error());
        exchange->on_pool([exchange, name = std::move(name), labels = std::move(labels), to_json = std::move(to_json),
                           answer = *std::move(answer)]() mutable {
          exchange->answer_json(to_json({std::move(name), std::move(answer.vectors), std::move(labels), answer.tokens}));
        });
      });
  if (!submitted) return fail(std::move(submitted).error());
  return {};
}

}  // namespace

void score(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const Scored&)> to_json) {
  if (auto started = start(exchange, order, std::move(to_json)); !started) exchange->refuse(started.error());
}

std::vector<float> probabilities(const std::vector<float>& logits) {
  if (logits.size() == 1) return {1.0F / (1.0F + std::exp(-logits[0]))};
  std::vector<float> shares(logits.size());
  const float largest = logits.empty() ? 0.0F : *std::ranges::max_element(logits);
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) sum += shares[i] = std::exp(logits[i] - largest);
  for (float& share : shares) share = static_cast<float>(share / sum);
  return shares;
}

std::vector<Ranked> ranking(const Scored& scored, bool raw, std::size_t most) {
  std::vector<Ranked> ranked;
  for (std::size_t i = 0; i < scored.logits.size(); ++i) {
    const auto& logits = scored.logits[i];
    ranked.push_back({i, logits.empty() ? 0.0F : raw ? logits[0] : probabilities(logits)[0]});
  }
  std::ranges::stable_sort(ranked, std::greater(), &Ranked::score);
  if (ranked.size() > most) ranked.resize(most);
  return ranked;
}

Result<std::vector<std::string>> read_documents(const JsonValue& field, std::size_t most) {
  TRY_ASSIGN(const auto items, field.items(most));
  if (items.empty()) return fail(Error(kFieldRange, fmt::format("'{}' is empty", field.path())).with_field(field.path()));
  std::vector<std::string> documents;
  for (const auto& item : items) {
    JsonValue text = item;
    if (item.type() == JsonType::kObject) {
      TRY_ASSIGN(const auto object, JsonObject::of(item));
      TRY_ASSIGN(text, object.need("text"));
    }
    TRY_ASSIGN(auto document, text.string());
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace forebay::http
