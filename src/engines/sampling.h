// How the next token is chosen.
// Threads: a Sampler is confined to its sequence's engine thread; options are plain data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "text/tokenizer.h"

namespace forebay::engines {

// Defaults are the field's: OpenAI's where it has the setting, else neutral.
struct SamplingOptions {
  float temperature = 1.0F;  // 0 is greedy; [0, 2] over HTTP
  std::int32_t top_k = 0;    // 0: off
  float top_p = 1.0F;        // (0, 1]
  float min_p = 0.0F;        // [0, 1)
  float typical_p = 1.0F;
  float repeat_penalty = 1.0F;
  float frequency_penalty = 0.0F;  // [-2, 2]
  float presence_penalty = 0.0F;   // [-2, 2]
  std::int32_t penalty_last_tokens = 64;
  std::optional<std::uint32_t> seed;        // none: random, and reported
  std::map<text::Token, float> logit_bias;  // [-100, 100]
  std::string grammar;                      // GBNF; empty: none
};

// kBadSampling, with the option as the error's field, for the first option out of its range. Grammars are checked by make_sampler.
Result<> check_sampling(const SamplingOptions& options, std::int32_t vocabulary_size);

class Sampler {
 public:
  virtual ~Sampler() = default;
  // Chooses from the logits of the whole vocabulary and remembers the choice. kSamplingFailed when a grammar leaves nothing.
  virtual Result<text::Token> sample(std::span<const float> logits) = 0;
  // The prompt's tokens, for penalties.
  virtual void accept_prompt(std::span<const text::Token> tokens) = 0;
  virtual std::uint32_t seed() const = 0;
};

}  // namespace forebay::engines
