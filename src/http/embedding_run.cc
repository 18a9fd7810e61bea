#include "http/embedding_run.h"

#include <fmt/format.h>

#include <bit>
#include <limits>

#include "base/base64.h"
#include "http/errors.h"
#include "http/generation.h"
#include "http/openai/answers.h"
#include "models/prompts.h"
#include "models/served_model.h"
#include "scheduling/runners.h"
#include "text/errors.h"

namespace forebay::http {

namespace {

using Texts = std::vector<std::variant<std::string, std::vector<text::Token>>>;
constexpr std::size_t kTokensMax = 1 << 20;

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

// What the model wants before every text: of this name, or its default.
Result<std::string> prompt_of(const models::ServedModel& model, const EmbeddingOrder& order) {
  if (auto prompt = models::embedding_prompt(model, order.prompt)) return *std::move(prompt);
  return fail(Error(kFieldRange, fmt::format("the model has no prompt '{}'", order.prompt.value_or(""))).with_field("prompt_name"));
}

Result<std::vector<std::vector<text::Token>>> tokenized(const models::ServedModel& model, EmbeddingOrder& order) {
  TRY_ASSIGN(const auto prompt, prompt_of(model, order));
  const text::EncodeOptions options{.truncate_to = order.truncate ? model.sequence_tokens_max : 0};
  std::vector<std::vector<text::Token>> texts;
  texts.reserve(order.texts.size());
  for (std::size_t i = 0; i < order.texts.size(); ++i) {
    const std::string field = order.texts.size() == 1 ? order.field : fmt::format("{}[{}]", order.field, i);
    std::vector<text::Token> tokens;
    if (auto* given = std::get_if<std::vector<text::Token>>(&order.texts[i])) {
      TRY(check_tokens(model, *given, field));
      tokens = std::move(*given);
      if (order.truncate && tokens.size() > model.sequence_tokens_max) tokens.resize(model.sequence_tokens_max);
    } else {
      auto encoded = model.tokenizer->encode(prompt + std::get<std::string>(order.texts[i]), options);
      if (!encoded) return fail(about(std::move(encoded).error(), field));
      tokens = *std::move(encoded);
    }
    if (tokens.size() > model.sequence_tokens_max) {
      return fail(
          Error(text::kTextTooLong, fmt::format("the text has {} tokens, and the model takes {}", tokens.size(), model.sequence_tokens_max))
              .with_field(field));
    }
    texts.push_back(std::move(tokens));
  }
  return texts;
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
  TRY_ASSIGN(const auto model, openai::lease_for(*exchange, order.model, formats::Task::kEmbedding));
  const std::uint32_t length = model->description.text ? model->description.text->embedding_length : 0;
  if (order.dimensions && length > 0 && *order.dimensions > length) {
    return fail(Error(kFieldRange, fmt::format("'dimensions' is {}, and the model's vectors have {}", *order.dimensions, length))
                    .with_field("dimensions"));
  }
  scheduling::EmbeddingRequest request{.ticket = exchange->ticket(), .texts = {}};
  TRY_ASSIGN(request.texts, tokenized(*model, order));
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  auto submitted = model->embedding->submit(
      std::move(request), [exchange, name = model->name, dimensions = order.dimensions, to_unit_length = order.normalize,
                           to_json = std::move(to_json)](Result<scheduling::EmbeddingAnswer> answer) mutable {
        // On the engine's thread: numbers become text elsewhere.
        if (!answer) return exchange->refuse(answer.error());
        exchange->on_pool([exchange, name = std::move(name), dimensions, to_unit_length, to_json = std::move(to_json),
                           answer = *std::move(answer)]() mutable {
          shorten(answer.vectors, dimensions, to_unit_length);
          exchange->answer_json(to_json({std::move(name), std::move(answer.vectors), answer.tokens, answer.queued, answer.inference}));
        });
      });
  if (!submitted) return fail(std::move(submitted).error());
  return {};
}

}  // namespace

void embed(const ExchangePtr& exchange, EmbeddingOrder order, std::function<std::string(const Embedded&)> to_json) {
  if (auto started = start(exchange, std::move(order), std::move(to_json)); !started) exchange->refuse(started.error());
}

}  // namespace forebay::http
