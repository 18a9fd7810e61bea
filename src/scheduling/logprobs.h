// Log-probabilities of tokens, from logits; computed only for requests that ask.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduling/request.h"

namespace forebay::scheduling {

inline constexpr std::uint32_t kLogprobsMax = 20;

struct TokenLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> alternatives;  // most probable first, at most `count` of them; ties by the smaller id
};

// The log of the softmax over the whole vocabulary. `chosen` must be in it.
TokenLogprobs logprobs_of(std::span<const float> logits, Token chosen, std::uint32_t count, const text::Tokenizer& tokenizer);

}  // namespace forebay::scheduling
