// Any bytes as the body of a chat: an answer or an error, in bounded time.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/openai/chat_request.h"
#include "http/openai/completions_request.h"
#include "http/openai/embeddings_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  const forebay::http::openai::RequestLimits limits{.json = {.depth_max = 16, .keys_max = 64}, .messages_max = 16};
  if (const auto chat = forebay::http::openai::read_chat_request(body, limits); !chat && chat.error().message().empty()) __builtin_trap();
  if (const auto completion = forebay::http::openai::read_completions_request(body, limits); completion && completion->prompts.empty())
    __builtin_trap();
  if (const auto embedding = forebay::http::openai::read_embeddings_request(body, limits);
      embedding && embedding->order.params.texts.empty())
    __builtin_trap();
  return 0;
}
