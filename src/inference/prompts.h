// Messages and texts to the tokens of a prompt, by the model's own template and tokenizer.
// Thread safety: no state.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "models/served_model.h"
#include "scheduling/request.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace forebay::inference {

// How the text of a prompt is read.
struct PromptRules {
  scheduling::Overflow overflow = scheduling::Overflow::kRefuse;
  const CancelToken* cancel = nullptr;  // stops the tokenizer; null: never
  bool add_special = true;              // the model's own tokens around a plain prompt
};

// Renders the messages by the model's chat template (its own, or ChatML) with its first and last token and the date of `now`.
// Errors: kPromptTooLong as soon as it is certain; kFieldNotSupported if the model has no template; the error of a template that cannot
// be used.
Result<std::vector<text::Token>> chat_prompt(const models::ServedModel& model, text::TemplateInput input, const PromptRules& rules,
                                             std::chrono::system_clock::time_point now);
// Tokenizes a text as it is. An empty text becomes the model's own beginning.
// Errors: kPromptTooLong as soon as it is certain.
Result<std::vector<text::Token>> plain_prompt(const models::ServedModel& model, std::string_view text, const PromptRules& rules);

// Checks that the vocabulary has every token. Errors: kTokenOutOfRange, about `field`.
Result<> check_tokens(const models::ServedModel& model, const std::vector<text::Token>& tokens, const std::string& field);
// Checks that the vocabulary has every token that the settings name. Errors: kTokenOutOfRange.
Result<> check_settings(const models::ServedModel& model, const scheduling::GenerationRequest& settings);

// Returns the refusal of a text that is too long for a model, in the words that OpenAI's clients look for.
Error context_exceeded(const ErrorCode& code, std::size_t context_tokens, std::string_view found);

}  // namespace forebay::inference
