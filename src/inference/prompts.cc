#include "inference/prompts.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "inference/errors.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::inference {

namespace {

// With the oldest tokens left out, a prompt may be this many contexts long.
constexpr std::size_t kShortenedContextsMax = 16;
constexpr std::size_t kShortenedTokensMax = 64 << 10;

std::size_t prompt_tokens_max(const models::ServedModel& model, scheduling::Overflow overflow) {
  const std::size_t context = model.sequence_tokens_max;
  // Twice the context is read, so that the refusal of what is a little too long names its length.
  return overflow == scheduling::Overflow::kRefuse ? 2 * context : std::max(kShortenedContextsMax * context, kShortenedTokensMax);
}

Result<std::vector<text::Token>> encoded(const models::ServedModel& model, std::string_view text, text::EncodeOptions options,
                                         const PromptRules& rules) {
  options.tokens_max = prompt_tokens_max(model, rules.overflow);
  options.cancel = rules.cancel;
  auto tokens = model.tokenizer->encode(text, options);
  if (tokens || tokens.error().code() != text::kTextTooLong) return tokens;
  return fail(context_exceeded(scheduling::kPromptTooLong, model.sequence_tokens_max,
                               fmt::format("the prompt has more than {} tokens", options.tokens_max))
                  .with_field("prompt"));
}

// A message that is too long by itself is refused before a template makes copies of it.
Result<> check_messages(const models::ServedModel& model, const std::vector<text::Message>& messages, const PromptRules& rules) {
  constexpr std::size_t kBytesUnchecked = 1 << 20;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].content.size() <= kBytesUnchecked) continue;
    auto tokens = encoded(model, messages[i].content, {.add_special = false}, rules);
    if (!tokens) return fail(std::move(tokens).error().with_field(fmt::format("messages[{}].content", i)));
  }
  return {};
}

Error no_template(const models::ServedModel& model) {
  if (!model.chat_template_error) return Error(kFieldNotSupported, fmt::format("model '{}' has no chat template", model.name));
  return Error(model.chat_template_error->code(),
               fmt::format("the chat template of model '{}' cannot be used: {}", model.name, model.chat_template_error->message()));
}

}  // namespace

Error context_exceeded(const ErrorCode& code, std::size_t context_tokens, std::string_view found) {
  return Error(code, fmt::format("This model's maximum context length is {} tokens. However, {}.", context_tokens, found));
}

Result<std::vector<text::Token>> chat_prompt(const models::ServedModel& model, text::TemplateInput input, const PromptRules& rules,
                                             std::chrono::system_clock::time_point now) {
  if (!model.chat_template) return fail(no_template(model));
  TRY(check_messages(model, input.messages, rules));
  input.bos_token = model.tokenizer->bos_text();
  input.eos_token = model.tokenizer->eos_text();
  input.date_string = fmt::format("{:%Y-%m-%d}", std::chrono::floor<std::chrono::days>(now));
  TRY_ASSIGN(const std::string text, model.chat_template->render(input));
  // Templates that write the first token themselves must not get it twice.
  const bool has_start = !input.bos_token.empty() && text.starts_with(input.bos_token);
  auto tokens = encoded(model, text, {.add_special = !has_start, .parse_special = true}, rules);
  if (!tokens && tokens.error().field() == "prompt") return fail(std::move(tokens).error().with_field("messages"));
  return tokens;
}

Result<std::vector<text::Token>> plain_prompt(const models::ServedModel& model, std::string_view text, const PromptRules& rules) {
  TRY_ASSIGN(auto tokens, encoded(model, text, {.add_special = rules.add_special, .parse_special = false}, rules));
  if (!tokens.empty() || !text.empty()) return tokens;
  const std::string beginning = model.tokenizer->bos_text().empty() ? model.tokenizer->eos_text() : model.tokenizer->bos_text();
  return encoded(model, beginning, {.add_special = false, .parse_special = true}, rules);
}

Result<> check_tokens(const models::ServedModel& model, const std::vector<text::Token>& tokens, const std::string& field) {
  for (const text::Token token : tokens) {
    if (token >= 0 && token < model.tokenizer->vocabulary_size()) continue;
    return fail(
        Error(kTokenOutOfRange, fmt::format("token {} is outside the vocabulary of {} tokens", token, model.tokenizer->vocabulary_size()))
            .with_field(field));
  }
  return {};
}

Result<> check_settings(const models::ServedModel& model, const scheduling::GenerationRequest& settings) {
  std::vector<text::Token> tokens;
  for (const auto& [token, bias] : settings.sampling.logit_bias) tokens.push_back(token);
  TRY(check_tokens(model, tokens, "logit_bias"));
  return check_tokens(model, settings.stop_tokens, "stop_token_ids");
}

}  // namespace forebay::inference
