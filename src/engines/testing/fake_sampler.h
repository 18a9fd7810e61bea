// Greedy at temperature 0, else drawn from the softmax with a seeded generator. Grammars: only `root ::= "literal"`.
// Threads: confined. Owner: the sequence.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engines/sampling.h"
#include "engines/testing/fake_engine.h"

namespace forebay::engines {

class FakeSampler final : public Sampler {
 public:
  // kBadSampling as promised by LoadedModel::make_sampler.
  static Result<std::unique_ptr<Sampler>> create(const SamplingOptions& options, std::shared_ptr<FakeControl> control,
                                                 std::function<void()> on_sample);
  FakeSampler(SamplingOptions options, std::string literal, std::shared_ptr<FakeControl> control, std::function<void()> on_sample);
  Result<text::Token> sample(std::span<const float> logits) override;
  void accept_prompt(std::span<const text::Token>) override {}
  std::uint32_t seed() const override { return seed_; }

 private:
  SamplingOptions options_;
  std::string literal_;  // what the grammar allows; empty: anything
  std::shared_ptr<FakeControl> control_;
  std::function<void()> on_sample_;
  std::uint32_t seed_;
  std::size_t sampled_ = 0;
};

}  // namespace forebay::engines
