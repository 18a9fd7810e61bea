#include "inference/embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "inference/errors.h"
#include "inference/field_errors.h"
#include "inference/prompts.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::inference {

namespace {

using text::Token;

// Returns the tokens of a text that is cut at its start; the special ones around it stay.
Result<std::vector<Token>> without_start(const text::Tokenizer& tokenizer, const std::string& text, std::size_t tokens_max,
                                         const CancelToken& cancel) {
  TRY_ASSIGN(auto whole, tokenizer.encode(text, {.cancel = &cancel}));
  if (whole.size() <= tokens_max) return whole;
  TRY_ASSIGN(const auto bare, tokenizer.encode(text, {.add_special = false, .cancel = &cancel}));
  const std::size_t added = whole.size() - bare.size();
  const auto first = std::ranges::search(whole, bare).begin();
  if (first == whole.end() || added >= tokens_max) return fail(kFieldNotSupported, "this model's tokenizer cannot cut a text at its start");
  whole.erase(first, first + static_cast<std::ptrdiff_t>(whole.size() - tokens_max));
  return whole;
}

Result<std::vector<Token>> tokens_of_text(const models::ServedModel& model, const std::string& text, Truncation truncation,
                                          const CancelToken& cancel) {
  const std::size_t most = model.sequence_tokens_max;
  if (truncation == Truncation::kStart) return without_start(*model.tokenizer, text, most, cancel);
  // Twice the context is read, so that the refusal of what is a little too long names its length.
  auto tokens =
      model.tokenizer->encode(text, {.tokens_max = 2 * most, .truncate_to = truncation == Truncation::kEnd ? most : 0, .cancel = &cancel});
  if (!tokens && tokens.error().code() == text::kTextTooLong)
    return fail(context_exceeded(text::kTextTooLong, most, fmt::format("the text has more than {} tokens", 2 * most)));
  return tokens;
}

std::vector<Token> cut(std::vector<Token> tokens, Truncation truncation, std::size_t tokens_max) {
  if (truncation == Truncation::kNone || tokens.size() <= tokens_max) return tokens;
  if (truncation == Truncation::kStart) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(tokens_max));
  tokens.resize(tokens_max);
  return tokens;
}

Result<std::vector<Token>> tokens_of(const models::ServedModel& model, const TextOrTokens& given, const std::string& prompt,
                                     Truncation truncation, const CancelToken& cancel) {
  std::vector<Token> tokens;
  if (const auto* listed = std::get_if<std::vector<Token>>(&given)) {
    TRY(check_tokens(model, *listed, ""));
    tokens = cut(*listed, truncation, model.sequence_tokens_max);
  } else {
    TRY_ASSIGN(tokens, tokens_of_text(model, prompt + std::get<std::string>(given), truncation, cancel));
  }
  if (tokens.size() <= model.sequence_tokens_max) return tokens;
  return fail(context_exceeded(text::kTextTooLong, model.sequence_tokens_max, fmt::format("the text has {} tokens", tokens.size())));
}

// The files may not state the length of the vectors; the first vector shows it.
Result<> check_dimensions(std::optional<std::uint32_t> dimensions, const std::string& field, std::size_t length) {
  if (!dimensions || *dimensions <= length) return {};
  return fail(Error(kFieldRange, fmt::format("'{}' is {}, and the model's vectors have {}", field, *dimensions, length)).with_field(field));
}

// A vector of zeros stays.
void to_unit_length(std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  if (sum <= 0) return;
  const double scale = 1 / std::sqrt(sum);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

// Turns a runner's answer into embeddings.
struct EmbeddingFinish {
  std::string model;
  std::string field;
  std::size_t texts;
  std::optional<std::uint32_t> dimensions;
  std::string dimensions_field;
  bool normalize;

  Result<> check(const scheduling::EmbeddingAnswer& answer) const {
    return answer.vectors.empty() ? Result<>() : check_dimensions(dimensions, dimensions_field, answer.vectors.front().size());
  }
  Embeddings finished(scheduling::EmbeddingAnswer answer) {
    for (auto& vector : answer.vectors) {
      if (dimensions && *dimensions < vector.size()) vector.resize(*dimensions);
      if (normalize) to_unit_length(vector);
    }
    return {std::move(model), std::move(answer.vectors), answer.tokens, answer.queued, answer.inference};
  }
};

}  // namespace

Result<std::string> embedding_prompt(const models::ServedModel& model, const std::optional<std::string>& name,
                                     std::span<const std::string> preferred) {
  static const std::map<std::string, std::string> kNone;
  const auto& text = model.description.text;
  const auto& prompts = text ? text->prompts : kNone;
  std::string wanted = name.value_or(text ? text->default_prompt : "");
  if (!name) {
    const auto known = std::ranges::find_if(preferred, [&](const std::string& one) { return prompts.contains(one); });
    if (known != preferred.end()) wanted = *known;
  }
  if (wanted.empty()) return std::string();
  if (const auto found = prompts.find(wanted); found != prompts.end()) return found->second;
  return fail(Error(kFieldRange, fmt::format("the model has no prompt '{}'", name.value_or("").substr(0, 100))).with_field("prompt_name"));
}

Result<scheduling::EmbeddingRequest> prepare_embedding(const Call& call, const models::ServedModel& model, const EmbeddingParams& params) {
  const std::uint32_t length = model.description.text ? model.description.text->embedding_length : 0;
  if (length > 0) TRY(check_dimensions(params.dimensions, params.dimensions_field, length));
  TRY_ASSIGN(const auto prompt, embedding_prompt(model, params.prompt, params.prompts));
  if (const auto most = model.embedding->request_texts_max(); params.texts.size() > most) {
    return fail(Error(scheduling::kTooManyTexts, fmt::format("{} texts in one request, at most {} are taken", params.texts.size(), most))
                    .with_field(params.field));
  }
  scheduling::EmbeddingRequest request{.ticket = call.ticket, .texts = {}};
  request.texts.reserve(params.texts.size());
  for (std::size_t i = 0; i < params.texts.size(); ++i) {
    auto tokens = tokens_of(model, params.texts[i], prompt, params.truncation, call.ticket.cancel);
    if (!tokens)
      return fail(about(std::move(tokens).error(), params.texts.size() == 1 ? params.field : fmt::format("{}[{}]", params.field, i)));
    request.texts.push_back(*std::move(tokens));
  }
  return request;
}

Result<> submit_embedding(const Call& call, models::ServedModel& model, scheduling::EmbeddingRequest request, const EmbeddingParams& params,
                          std::move_only_function<void(Result<Embeddings>)> done) {
  EmbeddingFinish finish{model.name, params.field, params.texts.size(), params.dimensions, params.dimensions_field, params.normalize};
  auto submitted = model.embedding->submit(
      std::move(request), [call, finish = std::move(finish), done = std::move(done)](Result<scheduling::EmbeddingAnswer> answer) mutable {
        if (!answer) return done(fail(about_texts(std::move(answer).error(), finish.field, finish.texts)));
        if (auto fits = finish.check(*answer); !fits) return done(fail(std::move(fits).error()));
        call.run_aside([finish = std::move(finish), done = std::move(done), answer = *std::move(answer)]() mutable {
          done(finish.finished(std::move(answer)));
        });
      });
  if (!submitted) return fail(about_texts(std::move(submitted).error(), params.field, params.texts.size()));
  return {};
}

float cosine(const std::vector<float>& one, const std::vector<float>& other) {
  double product = 0;
  for (std::size_t i = 0; i < one.size(); ++i) product += static_cast<double>(one[i]) * other[i];
  return static_cast<float>(product);
}

}  // namespace forebay::inference
