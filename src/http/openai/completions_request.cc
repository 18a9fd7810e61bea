#include "http/openai/completions_request.h"

#include <fmt/format.h>

#include "http/embedding_run.h"
#include "http/errors.h"
#include "http/generation_fields.h"

namespace forebay::http::openai {

namespace {

constexpr std::uint32_t kTokensDefault = 16;  // OpenAI's, and what clients of this route expect
constexpr std::size_t kPromptTokensMax = 1 << 20;

// "logprobs": a number of alternatives, 0 to 5.
Result<> read_legacy_logprobs(const JsonObject& body, scheduling::GenerationRequest& settings) {
  const auto field = body.find("logprobs");
  if (!field) return {};
  TRY_ASSIGN(const auto count, field->integer(0, 5));
  settings.wants_logprobs = true;
  settings.logprobs = static_cast<std::uint32_t>(count);
  return {};
}

Result<> check_together(const CompletionsRequest& request) {
  if (request.best_of < request.stream.choices) return fail(Error(kFieldConflict, "'best_of' is smaller than 'n'").with_field("best_of"));
  if (request.stream.stream && request.best_of > request.stream.choices) {
    return fail(Error(kFieldConflict, "'best_of' cannot be streamed: the best one is known at the end").with_field("best_of"));
  }
  if (request.echo && request.settings.wants_logprobs) {
    return fail(
        Error(kFieldNotSupported, "'echo' with 'logprobs' is not supported: there are none for the prompt's tokens").with_field("echo"));
  }
  return {};
}

// As read_texts, and a text may be empty: the model begins by itself.
Result<std::vector<std::variant<std::string, std::vector<text::Token>>>> read_prompts(const JsonValue& field, std::size_t prompts_max) {
  std::vector<JsonValue> items{field};
  if (field.type() == JsonType::kArray) {
    TRY_ASSIGN(items, field.items(kPromptTokensMax));
    if (items.empty() || items.front().type() == JsonType::kNumber) return read_texts(field, prompts_max);
  }
  if (items.size() > prompts_max)
    return fail(Error(kTooManyItems, fmt::format("'{}' has {} texts, and {} are allowed", field.path(), items.size(), prompts_max))
                    .with_field(field.path()));
  std::vector<std::variant<std::string, std::vector<text::Token>>> prompts;
  for (const auto& item : items) {
    if (item.type() == JsonType::kString) {
      TRY_ASSIGN(auto text, item.string());
      prompts.emplace_back(std::move(text));
    } else {
      TRY_ASSIGN(auto tokens, read_texts(item, 1));
      prompts.push_back(std::move(tokens.front()));
    }
  }
  return prompts;
}

}  // namespace

Result<CompletionsRequest> read_completions_request(std::string_view text, const RequestLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits.json));
  TRY(check_openai_fields(body, {"model", "prompt", "n", "best_of", "echo", "stream", "stream_options", "logprobs", "add_special_tokens"}));
  CompletionsRequest request;
  TRY_ASSIGN(request.model, body.string_or("model", ""));
  TRY_ASSIGN(const auto prompt, body.need("prompt"));
  TRY_ASSIGN(request.prompts, read_prompts(prompt, limits.prompts_max));
  TRY_ASSIGN(request.settings,
             read_generation_fields(body, {.max_tokens_names = {"max_tokens"}, .tokens_default = kTokensDefault, .takes_no_tokens = true}));
  TRY_ASSIGN(request.adds_special_tokens, body.boolean_or("add_special_tokens", true));
  TRY_ASSIGN(request.urgency, read_urgency(body));
  TRY(read_legacy_logprobs(body, request.settings));
  TRY_ASSIGN(request.stream, read_stream_fields(body, limits));
  TRY_ASSIGN(request.echo, body.boolean_or("echo", false));
  TRY_ASSIGN(const auto best_of, body.integer_or("best_of", request.stream.choices, 1, limits.choices_max));
  request.best_of = static_cast<std::uint32_t>(best_of);
  TRY(check_together(request));
  return request;
}

}  // namespace forebay::http::openai
