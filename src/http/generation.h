// Generated text, the same for every dialect: a prompt becomes tokens on the request pool, every choice its own sequence, and events come
// back on the request's loop, gathered into one answer or streamed.
// Threads: called on the request's loop or pool. Not here: any dialect's JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/json_body.h"
#include "http/token_gatherer.h"
#include "scheduling/request.h"
#include "text/chat_template.h"

namespace forebay::http {

using text::Token;

struct GenerationOrder {
  models::Lease model;
  std::vector<std::vector<Token>> prompts;
  scheduling::GenerationRequest settings;  // everything but prompt and ticket
  std::uint32_t sequences_per_prompt = 1;  // sequence i belongs to prompt i / this; its seed is the request's plus i % this
};

// Every sequence's usage together; the prompt counts once for each prompt.
scheduling::GenerationUsage total_usage(const std::vector<Choice>& choices, std::uint32_t sequences_per_prompt);

void generate(const ExchangePtr& exchange, GenerationOrder order, std::function<std::string(std::vector<Choice>)> to_json);
void generate_stream(const ExchangePtr& exchange, GenerationOrder order, StreamShape shape);

// The refusal of what is too long for a model, in the words that OpenAI's clients look for.
Error context_exceeded(const ErrorCode& code, std::size_t context_tokens, std::string_view found);

// How far a prompt's text is read.
struct PromptRules {
  scheduling::Overflow overflow = scheduling::Overflow::kRefuse;
  const CancelToken* cancel = nullptr;
  bool add_special = true;
};
// The prompt of these messages by the model's own template. kPromptTooLong as soon as it is known; kFieldNotSupported when the model has no
// template, or the error of one that cannot be used.
Result<std::vector<Token>> chat_prompt(const models::ServedModel& model, text::TemplateInput input,
                                       const scheduling::GenerationRequest& settings, const Exchange& exchange);
// An empty text is the model's own beginning. kPromptTooLong as soon as it is known.
Result<std::vector<Token>> plain_prompt(const models::ServedModel& model, std::string_view text, const PromptRules& rules);
// kTokenOutOfRange.
Result<> check_tokens(const models::ServedModel& model, const std::vector<Token>& tokens, const std::string& field);

// Every token that the settings name exists. kTokenOutOfRange.
Result<> check_settings(const models::ServedModel& model, const scheduling::GenerationRequest& settings);

// Runs `prepare` on the request pool and refuses the request with its error.
void prepare_on_pool(const ExchangePtr& exchange, std::move_only_function<Result<>()> prepare);

}  // namespace forebay::http
