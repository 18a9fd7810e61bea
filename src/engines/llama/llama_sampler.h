// Chooses tokens with the library's samplers, in llama-server's order; plain greedy is an argmax without any of them.
// Threads: confined to its sequence's engine thread. Owner: the sequence; keeps the model alive.
#pragma once

#include <memory>
#include <vector>

#include "engines/llama/llama_library.h"
#include "engines/sampling.h"

namespace forebay::engines {

class LlamaSampler final : public Sampler {
 public:
  // `keeper` is what owns the vocabulary. kBadSampling.
  static Result<std::unique_ptr<Sampler>> create(const llama_vocab* vocabulary, const SamplingOptions& options,
                                                 std::shared_ptr<const void> keeper);
  Result<text::Token> sample(std::span<const float> logits) override;
  void accept_prompt(std::span<const text::Token> tokens) override;
  std::uint32_t seed() const override { return seed_; }

 private:
  LlamaSampler(std::shared_ptr<const void> keeper, std::uint32_t seed) : keeper_(std::move(keeper)), seed_(seed) {}
  // Applies the chain (and the grammar before it) to all logits; nothing when no token is left.
  std::optional<text::Token> choose(std::span<const float> logits, bool within_grammar);
  bool grammar_allows(text::Token token);

  std::shared_ptr<const void> keeper_;
  LlamaSamplerPointer chain_;    // null: greedy
  LlamaSamplerPointer grammar_;  // null: none
  std::int32_t prompt_tokens_max_ = 0;
  std::uint32_t seed_;
  std::vector<llama_token_data> candidates_;
};

}  // namespace forebay::engines
