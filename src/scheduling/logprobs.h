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
  // Most probable first, at most `count` of them, ties by the smaller id; then the chosen one, when it is not among them. Empty for 0.
  std::vector<TokenLogprob> alternatives;
};

// The log of the softmax over the whole vocabulary. `chosen` must be in it.
TokenLogprobs logprobs_of(std::span<const float> logits, Token chosen, std::uint32_t count, const text::Tokenizer& tokenizer);

}  // namespace forebay::scheduling
