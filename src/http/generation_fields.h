// The settings of a generation, as every dialect spells them: temperature, top_p, stop, seed and the rest.
// Threads: immutable.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/json_body.h"
#include "scheduling/request.h"

namespace forebay::http {

// What is different between the routes.
struct GenerationRules {
  std::initializer_list<std::string_view> max_tokens_names;  // of which one may be given; -1 is what the context leaves
  std::uint32_t tokens_default = 0;                          // 0: what the context leaves
  bool takes_no_tokens = false;                              // "max_tokens": 0 asks for the prompt's usage alone
};

// temperature [0, 2], top_p (0, 1], top_k (0 or -1: all), min_p [0, 1), typical_p (0, 1], repeat_penalty (0, 10], by vLLM's name
// repetition_penalty too, frequency_penalty and presence_penalty [-2, 2], seed, stop (a string or up to 16), stop_token_ids (up to 16),
// logit_bias {token: -100..100}, max_tokens, min_tokens, ignore_eos, skip_special_tokens, include_stop_str_in_output, adapter;
// return_partial, overflow ("refuse", "truncate", "shift") and overflow_keep_tokens. kFieldRange, kFieldType, kFieldConflict,
// kTooManyItems.
Result<scheduling::GenerationRequest> read_generation_fields(const JsonObject& body, const GenerationRules& rules);
// The names above, for JsonObject::only.
std::vector<std::string_view> generation_field_names();

// Fields that OpenAI knows: what changes nothing about the answer is let pass, what would change it is refused by name.
Result<> check_openai_fields(const JsonObject& body, std::initializer_list<std::string_view> known);

// What was given beside the tools, functions and formats that are not there yet. kFieldNotSupported.
Result<> refuse_unsupported(const JsonObject& body);

}  // namespace forebay::http
