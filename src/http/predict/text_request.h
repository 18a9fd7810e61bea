// The bodies of POST /generate and /chat, read into native types.
// Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/openai/chat_request.h"

namespace forebay::http::predict {

struct TextRequest {
  std::string model;
  std::string prompt;                   // /generate
  std::vector<text::Message> messages;  // /chat
  scheduling::GenerationRequest settings;
  Urgency urgency;
  bool stream = false;
};

//   {"prompt": "…", "max_tokens", "temperature", …, "stream"}
Result<TextRequest> read_generate(std::string_view body, const openai::RequestLimits& limits);
//   {"message": "…", "system": "…"} or {"messages": […]}, and the same settings
Result<TextRequest> read_chat(std::string_view body, const openai::RequestLimits& limits);

}  // namespace forebay::http::predict
