// Pieces of OpenAI's answers that several routes share.
// Threads: immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/generation.h"
#include "http/json_writer.h"

namespace forebay::http::openai {

// {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details": {"cached_tokens", and "dropped_tokens" when there are
// any}}
void write_usage(JsonWriter& json, const scheduling::GenerationUsage& usage);
// {"content": [{"token", "logprob", "bytes", "top_logprobs": […]}], "refusal": null}
void write_chat_logprobs(JsonWriter& json, const std::vector<Choice::Piece>& pieces);
// "finish_reason" of the open choice: null while there is none, "stop" or "length". The deadline is a "length" to OpenAI's clients, and
// "forebay": {"ended_by": "deadline"} beside it.
void write_finish(JsonWriter& json, std::optional<scheduling::FinishReason> reason);
std::int64_t unix_seconds(const Exchange& exchange);
// The model for this route's task; kWrongTask with the field "model".
Result<models::Lease> lease_for(const Exchange& exchange, const std::string& name, formats::Task task);

}  // namespace forebay::http::openai
