#include "inference/scoring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string_view>

#include "inference/field_errors.h"
#include "models/errors.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::inference {

namespace {

// The longest beginning of the text that has at most this many tokens. Looks for it by halves, since tokens do not say where they end.
Result<std::string> beginning_of(const text::Tokenizer& tokenizer, const std::string& text, std::size_t tokens_max,
                                 const CancelToken& cancel) {
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

Result<> tokenize_one(const models::ServedModel& model, const ScoringParams& params, std::size_t index,
                      scheduling::EmbeddingRequest& request) {
  const text::EncodeOptions options{.tokens_max = model.sequence_tokens_max,
                                    .truncate_to = params.truncate ? model.sequence_tokens_max : 0,
                                    .cancel = &request.ticket.cancel};
  const auto& [first, second] = params.texts[index];
  if (!second) {
    TRY_ASSIGN(auto alone, model.tokenizer->encode(first, options));
    request.second_from.push_back(static_cast<std::uint32_t>(alone.size()));
    request.texts.push_back(std::move(alone));
    return {};
  }
  std::string read = *second;
  if (params.second_tokens_max > 0) {
    TRY_ASSIGN(read, beginning_of(*model.tokenizer, read, params.second_tokens_max, request.ticket.cancel));
  }
  TRY_ASSIGN(auto pair, model.tokenizer->encode_pair(first, read, options));
  request.second_from.push_back(static_cast<std::uint32_t>(pair.second_from));
  request.texts.push_back(std::move(pair.tokens));
  return {};
}

// The file may not state the number of classes; the first scores show it.
Result<> check_classes(const std::vector<std::vector<float>>& logits, ScoringKind kind, const std::string& model) {
  if (kind == ScoringKind::kClasses) return {};
  for (const auto& one : logits) {
    if (one.size() == 1 || one.size() == 2) continue;
    return fail(Error(models::kWrongTask, fmt::format("model '{}' has {} classes: it classifies and does not rank", model, one.size()))
                    .with_field("model"));
  }
  return {};
}

// Parts of the answer that the model and the caller give.
struct ScoringFinish {
  std::string model;
  std::vector<std::string> labels;
  ScoringKind kind;
  std::string field;
  std::size_t texts;
};

}  // namespace

Result<scheduling::EmbeddingRequest> prepare_scoring(const Call& call, const models::ServedModel& model, const ScoringParams& params) {
  if (const auto most = model.embedding->request_texts_max(); params.texts.size() > most) {
    return fail(Error(scheduling::kTooManyTexts, fmt::format("{} texts in one request, at most {} are taken", params.texts.size(), most))
                    .with_field(params.field));
  }
  scheduling::EmbeddingRequest request{.ticket = call.ticket};
  for (std::size_t i = 0; i < params.texts.size(); ++i) {
    if (call.ticket.cancel.cancelled()) return fail(call.ticket.cancel.error());
    if (auto read = tokenize_one(model, params, i, request); !read)
      return fail(about(std::move(read).error(), fmt::format("{}[{}]", params.field, i)));
  }
  return request;
}

Result<> submit_scoring(const Call& call, models::ServedModel& model, scheduling::EmbeddingRequest request, const ScoringParams& params,
                        std::move_only_function<void(Result<Scores>)> done) {
  ScoringFinish finish{model.name, model.description.labels, params.kind, params.field, params.texts.size()};
  auto submitted = model.embedding->submit(
      std::move(request), [call, finish = std::move(finish), done = std::move(done)](Result<scheduling::EmbeddingAnswer> answer) mutable {
        if (!answer) return done(fail(about_texts(std::move(answer).error(), finish.field, finish.texts)));
        if (auto checked = check_classes(answer->vectors, finish.kind, finish.model); !checked)
          return done(fail(std::move(checked).error()));
        call.run_aside([finish = std::move(finish), done = std::move(done), answer = *std::move(answer)]() mutable {
          done(Scores{std::move(finish.model), std::move(answer.vectors), std::move(finish.labels), answer.tokens});
        });
      });
  if (!submitted) return fail(about_texts(std::move(submitted).error(), params.field, params.texts.size()));
  return {};
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

std::vector<float> relevance(const Scores& scores, bool raw) {
  std::vector<float> relevant_scores;
  relevant_scores.reserve(scores.logits.size());
  for (const auto& logits : scores.logits) {
    const std::size_t relevant = logits.size() < 2 ? 0 : relevant_class(scores.labels);
    relevant_scores.push_back(raw ? logits[relevant] : probabilities(logits)[relevant]);
  }
  return relevant_scores;
}

std::vector<Ranked> ranking(const Scores& scores, bool raw, std::size_t most) {
  std::vector<Ranked> ranked;
  for (const float score : relevance(scores, raw)) ranked.push_back({ranked.size(), score});
  std::ranges::stable_sort(ranked, std::greater(), &Ranked::score);
  if (ranked.size() > most) ranked.resize(most);
  return ranked;
}

std::vector<ScoredClass> classes_of(const Scores& scores, std::size_t index, bool raw) {
  const auto values = raw ? scores.logits[index] : probabilities(scores.logits[index]);
  std::vector<ScoredClass> classes;
  for (std::size_t i = 0; i < values.size(); ++i)
    classes.push_back({i < scores.labels.size() ? scores.labels[i] : fmt::format("LABEL_{}", i), values[i]});
  std::ranges::stable_sort(classes, std::greater(), &ScoredClass::score);
  return classes;
}

}  // namespace forebay::inference
