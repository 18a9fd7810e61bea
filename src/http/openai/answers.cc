#include "http/openai/answers.h"

#include "models/served_model.h"

namespace forebay::http::openai {

namespace {
void write_token(JsonWriter& json, const scheduling::TokenLogprob& token) {
  json.field("token", token.bytes).field("logprob", token.logprob);
  // The text may be half a character; the bytes are exact.
  json.key("bytes").array();
  for (const char byte : token.bytes) json.value(static_cast<int>(static_cast<unsigned char>(byte)));
  json.end();
}
}  // namespace

void write_usage(JsonWriter& json, const scheduling::GenerationUsage& usage) {
  json.object().field("prompt_tokens", usage.prompt_tokens).field("completion_tokens", usage.generated_tokens);
  json.field("total_tokens", usage.prompt_tokens + usage.generated_tokens);
  json.key("prompt_tokens_details").object().field("cached_tokens", usage.cached_prompt_tokens);
  if (usage.dropped_prompt_tokens > 0) json.field("dropped_tokens", usage.dropped_prompt_tokens);
  json.end().end();
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

Result<models::Lease> lease_for(const Exchange& exchange, const std::string& name, formats::Task task) {
  auto lease = exchange.parts().context.catalog->lease(name, {}, task);
  if (!lease && lease.error().field().empty()) return fail(Error(lease.error()).with_field("model"));
  return lease;
}

}  // namespace forebay::http::openai
