#include "http/openai/answers.h"

#include <fmt/format.h>

#include "models/served_model.h"
#include "text/stream_text.h"

namespace forebay::http::openai {

namespace {
void write_token(JsonWriter& json, const scheduling::TokenLogprob& token) {
  json.field("token", token_text(token.bytes)).field("logprob", token.logprob);
  json.key("bytes").array();
  for (const char byte : token.bytes) json.value(static_cast<int>(static_cast<unsigned char>(byte)));
  json.end();
}
}  // namespace

std::string token_text(std::string_view bytes) {
  if (text::is_valid_utf8(bytes)) return std::string(bytes);
  std::string escaped;
  while (!bytes.empty()) {
    std::size_t length = std::min<std::size_t>(4, bytes.size());
    while (length > 0 && !text::is_valid_utf8(bytes.substr(0, length))) --length;
    if (length > 0)
      escaped += bytes.substr(0, length);
    else
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes.front()));
    bytes.remove_prefix(std::max<std::size_t>(1, length));
  }
  return escaped;
}

void write_usage(JsonWriter& json, const scheduling::GenerationUsage& usage) {
  json.object().field("prompt_tokens", usage.prompt_tokens).field("completion_tokens", usage.generated_tokens);
  json.field("total_tokens", usage.prompt_tokens + usage.generated_tokens);
  json.key("prompt_tokens_details").object().field("cached_tokens", usage.cached_prompt_tokens);
  if (usage.dropped_prompt_tokens > 0) json.field("dropped_tokens", usage.dropped_prompt_tokens);
  json.end().end();
}

void write_chunk_usage(JsonWriter& json, const StreamFields& stream, const scheduling::GenerationUsage& so_far) {
  if (stream.usage_in_chunks)
    write_usage(json.key("usage"), so_far);
  else if (stream.usage)
    json.key("usage").null();
}

void write_chat_logprobs(JsonWriter& json, const std::vector<Choice::Piece>& pieces) {
  json.object().key("content").array();
  for (const auto& piece : pieces) {
    if (!piece.logprob) continue;
    json.object();
    write_token(json, *piece.logprob);
    json.key("top_logprobs").array();
    for (const auto& other : piece.alternatives) {
      json.object();
      write_token(json, other);
      json.end();
    }
    json.end().end();
  }
  json.end().key("refusal").null().end();
}

void write_finish(JsonWriter& json, std::optional<scheduling::FinishReason> reason) {
  using scheduling::FinishReason;
  json.key("finish_reason");
  if (!reason) {
    json.null();
    return;
  }
  json.value(reason == FinishReason::kLength || reason == FinishReason::kDeadline ? "length" : "stop");
  if (reason == FinishReason::kDeadline) json.key("forebay").object().field("ended_by", name_of(*reason)).end();
}

std::int64_t unix_seconds(const Exchange& exchange) {
  return std::chrono::duration_cast<std::chrono::seconds>(exchange.parts().context.clock->wall().time_since_epoch()).count();
}

}  // namespace forebay::http::openai
