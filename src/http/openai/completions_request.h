// The body of POST /v1/completions, read into native types.
// Source: platform.openai.com/docs/api-reference/completions/create. Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/openai/chat_request.h"

namespace forebay::http::openai {

struct CompletionsRequest {
  std::string model;
  std::vector<std::variant<std::string, std::vector<text::Token>>> prompts;
  scheduling::GenerationRequest settings;
  Urgency urgency;
  std::uint32_t best_of = 1;        // generated of each prompt; the likeliest are answered
  bool echo = false;                // the prompt before the completion
  bool adds_special_tokens = true;  // the model's own before a prompt that is text
  StreamFields stream;              // its choices are of each prompt
};

// kFieldNotSupported for suffix, and for echo with logprobs: the engine gives none for a prompt's tokens.
Result<CompletionsRequest> read_completions_request(std::string_view body, const RequestLimits& limits);

}  // namespace forebay::http::openai
