#include "http/embedding_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "base/base64.h"
#include "http/errors.h"
#include "http/generation.h"
#include "http/leases.h"
#include "models/prompts.h"
#include "models/served_model.h"
#include "scheduling/errors.h"
#include "scheduling/runners.h"
#include "text/errors.h"

namespace forebay::http {

namespace {

using Texts = std::vector<std::variant<std::string, std::vector<text::Token>>>;
constexpr std::size_t kTokensMax = kTextsReadMax;

Error empty_text(const JsonValue& value) { return Error(kFieldRange, fmt::format("'{}' is empty", value.path())).with_field(value.path()); }

Result<std::vector<text::Token>> read_tokens(const JsonValue& field) {
  TRY_ASSIGN(const auto items, field.items(kTokensMax));
  if (items.empty()) return fail(empty_text(field));
  std::vector<text::Token> tokens;
  tokens.reserve(items.size());
  for (const auto& item : items) {
    TRY_ASSIGN(const auto token, item.integer(0, std::numeric_limits<text::Token>::max()));
    tokens.push_back(static_cast<text::Token>(token));
  }
  return tokens;
}

Result<std::string> read_text(const JsonValue& field) {
  TRY_ASSIGN(auto text, field.string());
  if (text.empty()) return fail(empty_text(field));
  return text;
}

// The tokens of a text that is cut at its start: the special ones around it stay.
Result<std::vector<text::Token>> without_start(const text::Tokenizer& tokenizer, const std::string& text, std::size_t tokens_max,
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

Result<std::vector<text::Token>> tokens_of(const models::ServedModel& model, const std::string& text, Truncation truncation,
                                          const CancelToken& cancel) {
  const std::size_t most = model.sequence_tokens_max;
  if (truncation == Truncation::kStart) return without_start(*model.tokenizer, text, most, cancel);
  // Twice the context is read, so that the refusal of what is a little too long names its length.
  auto tokens = model.tokenizer->encode(
      text, {.tokens_max = 2 * most, .truncate_to = truncation == Truncation::kEnd ? most : 0, .cancel = &cancel});
  if (!tokens && tokens.error().code() == text::kTextTooLong)
    return fail(context_exceeded(text::kTextTooLong, most, fmt::format("the text has more than {} tokens", 2 * most)));
  return tokens;
}

void cut(std::vector<text::Token>& tokens, Truncation truncation, std::size_t tokens_max) {
  if (truncation == Truncation::kNone || tokens.size() <= tokens_max) return;
  if (truncation == Truncation::kStart) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(tokens_max));
  tokens.resize(tokens_max);
}

Result<std::vector<std::vector<text::Token>>> tokenized(const models::ServedModel& model, EmbeddingOrder& order,
                                                        const CancelToken& cancel) {
  TRY_ASSIGN(const auto prompt, prompt_of(model, order.prompt, order.prompts));
  if (const auto most = model.embedding->request_texts_max(); order.texts.size() > most) {
    return fail(Error(scheduling::kTooManyTexts, fmt::format("{} texts in one request, at most {} are taken", order.texts.size(), most))
                    .with_field(order.field));
  }
  std::vector<std::vector<text::Token>> texts;
  texts.reserve(order.texts.size());
  for (std::size_t i = 0; i < order.texts.size(); ++i) {
    const std::string field = order.texts.size() == 1 ? order.field : fmt::format("{}[{}]", order.field, i);
    std::vector<text::Token> tokens;
    if (auto* given = std::get_if<std::vector<text::Token>>(&order.texts[i])) {
      TRY(check_tokens(model, *given, field));
      tokens = std::move(*given);
      cut(tokens, order.truncation, model.sequence_tokens_max);
    } else {
      auto encoded = tokens_of(model, prompt + std::get<std::string>(order.texts[i]), order.truncation, cancel);
      if (!encoded) return fail(about(std::move(encoded).error(), field));
      tokens = *std::move(encoded);
    }
    if (tokens.size() > model.sequence_tokens_max) {
      return fail(context_exceeded(text::kTextTooLong, model.sequence_tokens_max, fmt::format("the text has {} tokens", tokens.size())).with_field(field));
    }
    texts.push_back(std::move(tokens));
  }
  return texts;
}

// A model whose files do not state the length of its vectors shows it by the first one.
Result<> check_dimensions(std::optional<std::uint32_t> dimensions, const std::string& field, std::size_t length) {
  if (!dimensions || *dimensions <= length) return {};
  return fail(Error(kFieldRange, fmt::format("'{}' is {}, and the model's vectors have {}", field, *dimensions, length)).with_field(field));
}

void shorten(std::vector<std::vector<float>>& vectors, const std::optional<std::uint32_t>& dimensions, bool to_unit_length) {
  for (auto& vector : vectors) {
    if (dimensions && *dimensions < vector.size()) vector.resize(*dimensions);
    if (to_unit_length) normalize(vector);
  }
}

}  // namespace

Result<> read_dimensions(const JsonObject& body, std::string_view name, EmbeddingOrder& order) {
  const auto dimensions = body.find(name);
  if (!dimensions) return {};
  TRY_ASSIGN(const auto count, dimensions->integer(1, 1 << 20));
  order.dimensions = static_cast<std::uint32_t>(count);
  order.dimensions_field = name;
  return {};
}

Result<> read_prompt_name(const JsonObject& body, EmbeddingOrder& order) {
  const auto prompt = body.find("prompt_name");
  if (!prompt) return {};
  TRY_ASSIGN(order.prompt, prompt->string());
  return {};
}

void write_vector(JsonWriter& json, const std::vector<float>& vector, bool base64) {
  if (base64) {
    static_assert(std::endian::native == std::endian::little);
    json.value(encode_base64(std::as_bytes(std::span(vector))));
    return;
  }
  json.array();
  for (const float value : vector) json.value(value);
  json.end();
}

float cosine(const std::vector<float>& one, const std::vector<float>& other) {
  double product = 0;
  for (std::size_t i = 0; i < one.size(); ++i) product += static_cast<double>(one[i]) * other[i];
  return static_cast<float>(product);
}

void normalize(std::vector<float>& vector) { models::to_unit_length(vector); }

Result<Texts> read_texts(const JsonValue& field, std::size_t texts_max) {
  Texts texts;
  if (field.type() == JsonType::kString) {
    TRY_ASSIGN(auto text, read_text(field));
    texts.emplace_back(std::move(text));
    return texts;
  }
  if (field.type() != JsonType::kArray) {
    return fail(Error(kFieldType,
                      fmt::format("'{}' must be a string, an array of strings, or tokens, and is {}", field.path(), name_of(field.type())))
                    .with_field(field.path()));
  }
  TRY_ASSIGN(const auto items, field.items(kTokensMax));
  if (items.empty()) return fail(empty_text(field));
  if (items.front().type() == JsonType::kNumber) {
    TRY_ASSIGN(auto tokens, read_tokens(field));
    texts.emplace_back(std::move(tokens));
    return texts;
  }
  if (items.size() > texts_max)
    return fail(Error(kTooManyItems, fmt::format("'{}' has {} texts, and {} are allowed", field.path(), items.size(), texts_max))
                    .with_field(field.path()));
  for (const auto& item : items) {
    if (item.type() == JsonType::kArray) {
      TRY_ASSIGN(auto tokens, read_tokens(item));
      texts.emplace_back(std::move(tokens));
    } else {
      TRY_ASSIGN(auto text, read_text(item));
      texts.emplace_back(std::move(text));
    }
  }
  return texts;
}

namespace {

Result<> start(const ExchangePtr& exchange, EmbeddingOrder order, std::function<std::string(const Embedded&)> to_json) {
  TRY(exchange->set_urgency(order.urgency));
  TRY_ASSIGN(const auto model, lease_for(*exchange, order.model, formats::Task::kEmbedding));
  const std::uint32_t length = model->description.text ? model->description.text->embedding_length : 0;
  if (length > 0) TRY(check_dimensions(order.dimensions, order.dimensions_field, length));
  scheduling::EmbeddingRequest request{.ticket = exchange->ticket(), .texts = {}};
  TRY_ASSIGN(request.texts, tokenized(*model, order, exchange->cancel()));
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  auto submitted = model->embedding->submit(
      std::move(request), [exchange, name = model->name, dimensions = order.dimensions, dimensions_field = order.dimensions_field,
                           to_unit_length = order.normalize, field = order.field, texts = order.texts.size(),
                           to_json = std::move(to_json)](Result<scheduling::EmbeddingAnswer> answer) mutable {
        // On the engine's thread: numbers become text elsewhere.
        if (answer && !answer->vectors.empty()) {
          if (auto fits = check_dimensions(dimensions, dimensions_field, answer->vectors.front().size()); !fits)
            answer = fail(std::move(fits).error());
        }
        if (!answer) return exchange->refuse(renamed(std::move(answer).error(), field, texts));
        exchange->on_pool([exchange, name = std::move(name), dimensions, to_unit_length, to_json = std::move(to_json),
                           answer = *std::move(answer)]() mutable {
          shorten(answer.vectors, dimensions, to_unit_length);
          exchange->answer_json(to_json({std::move(name), std::move(answer.vectors), answer.tokens, answer.queued, answer.inference}));
        });
      });
  if (!submitted) return fail(renamed(std::move(submitted).error(), order.field, order.texts.size()));
  return {};
}

}  // namespace

Error renamed(Error error, const std::string& field, std::size_t texts) {
  constexpr std::string_view kRunnersName = "input";
  if (!error.field().starts_with(kRunnersName)) return error;
  const std::string index = error.field().substr(kRunnersName.size());
  return std::move(error).with_field(texts == 1 ? field : field + index);
}

Result<std::string> prompt_of(const models::ServedModel& model, const std::optional<std::string>& name,
                              const std::vector<std::string>& names) {
  if (auto prompt = models::embedding_prompt(model, name, names)) return *std::move(prompt);
  return fail(Error(kFieldRange, fmt::format("the model has no prompt '{}'", name.value_or("").substr(0, 100))).with_field("prompt_name"));
}

void embed(const ExchangePtr& exchange, EmbeddingOrder order, std::function<std::string(const Embedded&)> to_json) {
  if (auto started = start(exchange, std::move(order), std::move(to_json)); !started) exchange->refuse(started.error());
}

}  // namespace forebay::http
