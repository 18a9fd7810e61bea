// The body of POST /v1/chat/completions, read into native types.
// Source: platform.openai.com/docs/api-reference/chat/create. Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/http_options.h"
#include "http/json_body.h"
#include "http/urgency.h"
#include "scheduling/request.h"
#include "text/chat_template.h"

namespace forebay::http::openai {

// n, stream and stream_options, as chat and completions share them.
struct StreamFields {
  std::uint32_t choices = 1;
  bool stream = false;
  bool usage = false;            // an event with the usage at the end
  bool usage_in_chunks = false;  // and what it is so far in every chunk
};

struct ChatRequest {
  std::string model;
  std::vector<text::Message> messages;
  std::string template_variables_json;  // chat_template_kwargs
  scheduling::GenerationRequest settings;
  Urgency urgency;
  bool adds_generation_prompt = true;
  StreamFields stream;
};

struct RequestLimits {
  JsonLimits json;
  std::uint32_t choices_max = 16;
  std::size_t messages_max = 4096;
  std::size_t prompts_max = 1024;
};
RequestLimits limits_of(const HttpOptions& options);

Result<ChatRequest> read_chat_request(std::string_view body, const RequestLimits& limits);

// "messages": roles, text content as a string or as parts of type text or refusal, tool calls and reasoning of earlier turns. "developer"
// is "system" for the models served here. Other members of a part (cache_control) change no prompt and are let pass. Images, audio and
// files are kFieldNotSupported.
Result<std::vector<text::Message>> read_messages(const JsonValue& field, std::size_t messages_max);

Result<StreamFields> read_stream_fields(const JsonObject& body, const RequestLimits& limits);

}  // namespace forebay::http::openai
