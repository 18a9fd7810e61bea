#include "engines/testing/fake_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "engines/errors.h"

namespace forebay::engines {

namespace {
constexpr std::string_view kGrammarStart = "root ::= \"";

Result<std::string> literal_of(std::string_view grammar) {
  if (grammar.empty()) return std::string();
  const bool simple = grammar.size() > kGrammarStart.size() + 1 && grammar.starts_with(kGrammarStart) && grammar.ends_with('"');
  if (!simple) return fail(Error(kBadSampling, "the grammar cannot be enforced: the fake takes only a literal").with_field("grammar"));
  return std::string(grammar.substr(kGrammarStart.size(), grammar.size() - kGrammarStart.size() - 1));
}

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}
}  // namespace

Result<std::unique_ptr<Sampler>> FakeSampler::create(const SamplingOptions& options, std::shared_ptr<FakeControl> control,
                                                     std::function<void()> on_sample) {
  TRY(check_sampling(options, kFakeVocabularySize));
  TRY_ASSIGN(auto literal, literal_of(options.grammar));
  return std::make_unique<FakeSampler>(options, std::move(literal), std::move(control), std::move(on_sample));
}

FakeSampler::FakeSampler(SamplingOptions options, std::string literal, std::shared_ptr<FakeControl> control,
                         std::function<void()> on_sample)
    : options_(std::move(options)),
      literal_(std::move(literal)),
      control_(std::move(control)),
      on_sample_(std::move(on_sample)),
      seed_(options_.seed.value_or(std::random_device()())) {}

Result<text::Token> FakeSampler::sample(std::span<const float> logits) {
  if (on_sample_) on_sample_();
  if (control_->switches.sampling_fails) return fail(kSamplingFailed, "the fake was told that nothing can be chosen");
  const std::size_t place = sampled_++;
  if (!literal_.empty()) return place < literal_.size() ? static_cast<unsigned char>(literal_[place]) : kFakeEnd;
  std::vector<float> biased(logits.begin(), logits.end());
  for (const auto& [token, bias] : options_.logit_bias) biased[static_cast<std::size_t>(token)] += bias;
  const auto best = std::max_element(biased.begin(), biased.end());
  if (options_.temperature == 0) return static_cast<text::Token>(best - biased.begin());

  std::vector<double> shares;
  for (const float logit : biased) shares.push_back(std::exp((logit - *best) / options_.temperature));
  const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
  double left = static_cast<double>(mixed(seed_ + (place << 32)) >> 11) * 0x1p-53 * all;
  for (std::size_t token = 0; token < shares.size(); ++token) {
    left -= shares[token];
    if (left < 0) return static_cast<text::Token>(token);
  }
  return static_cast<text::Token>(best - biased.begin());
}

}  // namespace forebay::engines
