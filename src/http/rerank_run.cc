#include "http/rerank_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/leases.h"
#include "inference/field_errors.h"
#include "models/errors.h"
#include "models/served_model.h"
#include "scheduling/errors.h"
#include "scheduling/runners.h"
#include "text/errors.h"

namespace forebay::http {

namespace {

// The longest beginning of the text that has at most this many tokens. Looks for it by halves, since tokens do not say where they end.
Result<std::string> beginning_of(const text::Tokenizer& tokenizer, const std::string& text, std::size_t tokens_max, const CancelToken& cancel) {
  const text::EncodeOptions options{.add_special = false, .tokens_max = tokens_max, .cancel = &cancel};
  const auto fits = [&](std::size_t bytes) -> Result<bool> {
    const auto tokens = tokenizer.encode(std::string_view(text).substr(0, bytes), options);
    if (!tokens && tokens.error().code() != text::kTextTooLong) return fail(tokens.error());
    return tokens.has_value();
  };
  const auto is_inside = [&](std::size_t at) { return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
  TRY_ASSIGN(const bool whole, fits(text.size()));
  if (whole) return text;
  std::size_t good = 0;
  std::size_t bad = text.size();
  while (bad - good > 1) {
    std::size_t middle = good + (bad - good) / 2;
    while (middle > good && is_inside(middle)) --middle;
    if (middle == good) {
      for (++middle; is_inside(middle);) ++middle;
      if (middle >= bad) break;  // one character is left between them
    }
    TRY_ASSIGN(const bool fit, fits(middle));
    (fit ? good : bad) = middle;
  }
  return text.substr(0, good);
}

Result<> tokenize_one(const models::ServedModel& model, const ScoringOrder& order, std::size_t index,
                      scheduling::EmbeddingRequest& request) {
  const text::EncodeOptions options{.tokens_max = model.sequence_tokens_max,
                                    .truncate_to = order.truncate ? model.sequence_tokens_max : 0,
                                    .cancel = &request.ticket.cancel};
  const auto& [first, second] = order.texts[index];
  if (!second) {
    TRY_ASSIGN(auto alone, model.tokenizer->encode(first, options));
    request.second_from.push_back(static_cast<std::uint32_t>(alone.size()));
    request.texts.push_back(std::move(alone));
    return {};
  }
  std::string read = *second;
  if (order.second_tokens_max > 0) {
    TRY_ASSIGN(read, beginning_of(*model.tokenizer, read, order.second_tokens_max, request.ticket.cancel));
  }
  TRY_ASSIGN(auto pair, model.tokenizer->encode_pair(first, read, options));
  request.second_from.push_back(static_cast<std::uint32_t>(pair.second_from));
  request.texts.push_back(std::move(pair.tokens));
  return {};
}

Result<> tokenize(const Exchange& exchange, const models::ServedModel& model, const ScoringOrder& order,
                  scheduling::EmbeddingRequest& request) {
  if (const auto most = model.embedding->request_texts_max(); order.texts.size() > most) {
    return fail(Error(scheduling::kTooManyTexts, fmt::format("{} texts in one request, at most {} are taken", order.texts.size(), most))
                    .with_field(order.field));
  }
  for (std::size_t i = 0; i < order.texts.size(); ++i) {
    if (exchange.cancel().cancelled()) return fail(exchange.cancel().error());
    if (auto read = tokenize_one(model, order, i, request); !read)
      return fail(inference::about(std::move(read).error(), fmt::format("{}[{}]", order.field, i)));
  }
  return {};
}

// A classifier whose file does not state how many classes it has shows it here.
Result<> check_classes(const std::vector<std::vector<float>>& logits, ScoringKind kind, const std::string& model) {
  if (kind == ScoringKind::kClasses) return {};
  for (const auto& one : logits) {
    if (one.size() == 1 || one.size() == 2) continue;
    return fail(Error(models::kWrongTask, fmt::format("model '{}' has {} classes: it classifies and does not rank", model, one.size()))
                    .with_field("model"));
  }
  return {};
}

Result<> start(const ExchangePtr& exchange, const ScoringOrder& order, std::function<std::string(const Scored&)> to_json) {
  TRY(exchange->set_urgency(order.urgency));
  TRY_ASSIGN(const auto model, lease_scorer(*exchange, order.model, order.kind));
  scheduling::EmbeddingRequest request{.ticket = exchange->ticket()};
  TRY(tokenize(*exchange, *model, order, request));
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  auto submitted = model->embedding->submit(
      std::move(request), [exchange, name = model->name, labels = model->description.labels, kind = order.kind, field = order.field,
                           texts = order.texts.size(), to_json = std::move(to_json)](Result<scheduling::EmbeddingAnswer> answer) mutable {
        if (answer) {
          if (auto checked = check_classes(answer->vectors, kind, name); !checked) answer = fail(std::move(checked).error());
        }
        if (!answer) return exchange->refuse(inference::about_texts(std::move(answer).error(), field, texts));
        exchange->on_pool([exchange, name = std::move(name), labels = std::move(labels), to_json = std::move(to_json),
                           answer = *std::move(answer)]() mutable {
          exchange->answer_json(to_json({std::move(name), std::move(answer.vectors), std::move(labels), answer.tokens}));
        });
      });
  if (!submitted) return fail(inference::about_texts(std::move(submitted).error(), order.field, order.texts.size()));
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

std::size_t relevant_class(std::span<const std::string> labels) {
  if (labels.size() != 2) return 1;
  constexpr std::array<std::string_view, 11> kFits = {"relevant",   "yes",       "true",    "positive",   "entailment", "match",
                                                      "equivalent", "duplicate", "similar", "paraphrase", "label_1"};
  const auto says_so = [&](std::string label) {
    std::ranges::transform(label, label.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return std::ranges::contains(kFits, label);
  };
  return says_so(labels[0]) && !says_so(labels[1]) ? 0 : 1;
}

std::vector<float> relevance(const Scored& scored, bool raw) {
  std::vector<float> scores;
  scores.reserve(scored.logits.size());
  for (const auto& logits : scored.logits) {
    const std::size_t relevant = logits.size() < 2 ? 0 : relevant_class(scored.labels);
    scores.push_back(raw ? logits[relevant] : probabilities(logits)[relevant]);
  }
  return scores;
}

std::vector<Ranked> ranking(const Scored& scored, bool raw, std::size_t most) {
  std::vector<Ranked> ranked;
  for (const float score : relevance(scored, raw)) ranked.push_back({ranked.size(), score});
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
