// Pieces of OpenAI's answers that several routes share.
// Threads: immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/generation.h"
#include "http/json_writer.h"
#include "http/openai/chat_request.h"

namespace forebay::http::openai {

// {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details": {"cached_tokens", and "dropped_tokens" when there are
// any}}
void write_usage(JsonWriter& json, const scheduling::GenerationUsage& usage);
// The text of a token; bytes that are no UTF-8 by themselves as "\xf0\x9f", the only way to tell them apart in JSON.
std::string token_text(std::string_view bytes);
// {"content": [{"token", "logprob", "bytes", "top_logprobs": […]}], "refusal": null}
void write_chat_logprobs(JsonWriter& json, const std::vector<Choice::Piece>& pieces);
// "finish_reason" of the open choice: null while there is none, "stop" or "length". The deadline is a "length" to OpenAI's clients, and
// "forebay": {"ended_by": "deadline"} beside it.
void write_finish(JsonWriter& json, std::optional<scheduling::FinishReason> reason);
// "usage" of a chunk: of its sequence so far where that was asked for, null where it comes at the end, else nothing.
void write_chunk_usage(JsonWriter& json, const StreamFields& stream, const scheduling::GenerationUsage& so_far);
std::int64_t unix_seconds(const Exchange& exchange);

}  // namespace forebay::http::openai
