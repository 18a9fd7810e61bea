#include "http/embedding_run.h"

#include <fmt/format.h>

#include <bit>
#include <limits>

#include "base/base64.h"
#include "http/errors.h"
#include "http/leases.h"
#include "http/service_call.h"
#include "models/served_model.h"

namespace forebay::http {

namespace {

using Texts = std::vector<inference::TextOrTokens>;
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

}  // namespace

Result<> read_dimensions(const JsonObject& body, std::string_view name, inference::EmbeddingParams& params) {
  const auto dimensions = body.find(name);
  if (!dimensions) return {};
  TRY_ASSIGN(const auto count, dimensions->integer(1, 1 << 20));
  params.dimensions = static_cast<std::uint32_t>(count);
  params.dimensions_field = name;
  return {};
}

Result<> read_prompt_name(const JsonObject& body, inference::EmbeddingParams& params) {
  const auto prompt = body.find("prompt_name");
  if (!prompt) return {};
  TRY_ASSIGN(params.prompt, prompt->string());
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

Result<> start(const ExchangePtr& exchange, const EmbeddingOrder& order, std::function<std::string(const inference::Embeddings&)> to_json) {
  TRY(exchange->set_urgency(order.urgency));
  TRY_ASSIGN(const auto model, lease_for(*exchange, order.model, formats::Task::kEmbedding));
  const auto call = call_of(exchange);
  TRY_ASSIGN(auto request, inference::prepare_embedding(call, *model, order.params));
  exchange->keep(model, &exchange->parts().context.serving_metrics->for_model(model->name));
  return inference::submit_embedding(call, *model, std::move(request), order.params,
                                     [exchange, to_json = std::move(to_json)](Result<inference::Embeddings> embedded) {
                                       if (!embedded) return exchange->refuse(embedded.error());
                                       exchange->answer_json(to_json(*embedded));
                                     });
}

}  // namespace

void embed(const ExchangePtr& exchange, const EmbeddingOrder& order, std::function<std::string(const inference::Embeddings&)> to_json) {
  if (auto started = start(exchange, order, std::move(to_json)); !started) exchange->refuse(started.error());
}

}  // namespace forebay::http
