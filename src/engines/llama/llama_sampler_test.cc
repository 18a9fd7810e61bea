#include "engines/llama/llama_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "engines/errors.h"
#include "engines/testing/model_files.h"

namespace forebay::engines {
namespace {

class LlamaSampling : public ::testing::Test {
 protected:
  static LoadedModel& model() {
    static const auto kLoaded = load_model(std::filesystem::path(FOREBAY_EXAMPLE_MODELS) / "chat.gguf").value();
    return *kLoaded;
  }
  std::unique_ptr<Sampler> sampler(const SamplingOptions& options) { return model().make_sampler(options).value(); }
  void expect_refused(const SamplingOptions& options, std::string_view field) {
    const auto refused = model().make_sampler(options);
    ASSERT_FALSE(refused) << field;
    EXPECT_EQ(refused.error().code(), kBadSampling);
    EXPECT_EQ(refused.error().field(), field);
  }
  Token token_of(std::string_view text) { return model().tokenizer()->encode(text, {.add_special = false}).value().at(0); }

  std::vector<float> logits_ = std::vector<float>(static_cast<std::size_t>(model().tokenizer()->vocabulary_size()), 0.0F);
};

TEST_F(LlamaSampling, GreedyTakesTheLargestWithAndWithoutTheLibrary) {
  logits_[7] = 2.0F;
  logits_[9] = 1.5F;
  EXPECT_EQ(sampler({.temperature = 0})->sample(logits_), 7);
  EXPECT_EQ(sampler({.temperature = 0, .logit_bias = {{9, 1.0F}}})->sample(logits_), 9);
  EXPECT_EQ(sampler({.temperature = 0, .logit_bias = {{7, -100.0F}}})->sample(logits_), 9);
}

TEST_F(LlamaSampling, PenaltiesCountThePromptAndWhatWasChosen) {
  logits_[7] = 2.0F;
  logits_[9] = 1.5F;
  auto penalised = sampler({.temperature = 0, .presence_penalty = 1.0F});
  EXPECT_EQ(penalised->sample(logits_), 7);
  EXPECT_EQ(penalised->sample(logits_), 9);
  auto prompted = sampler({.temperature = 0, .frequency_penalty = 1.0F});
  const std::vector<Token> prompt = {7, 7};
  prompted->accept_prompt(prompt);
  EXPECT_EQ(prompted->sample(logits_), 9);
}

TEST_F(LlamaSampling, TheSameSeedChoosesTheSameTokens) {
  for (const std::uint32_t seed : {0U, 42U, 0xffffffffU}) {
    auto one = sampler({.seed = seed});
    auto other = sampler({.seed = seed});
    EXPECT_EQ(one->seed(), seed);
    for (int i = 0; i < 32; ++i) ASSERT_EQ(one->sample(logits_).value(), other->sample(logits_).value());
  }
  auto unseeded = sampler({});
  auto again = sampler({.seed = unseeded->seed()});
  for (int i = 0; i < 32; ++i) ASSERT_EQ(unseeded->sample(logits_).value(), again->sample(logits_).value());
}

TEST_F(LlamaSampling, FiltersLeaveOnlyWhatTheyShould) {
  logits_[3] = 10.0F;
  logits_[4] = 9.9F;
  for (const SamplingOptions& options :
       {SamplingOptions{.top_k = 2, .seed = 1}, SamplingOptions{.top_p = 0.6F, .seed = 1}, SamplingOptions{.min_p = 0.5F, .seed = 1}}) {
    auto filtered = sampler(options);
    std::set<Token> seen;
    for (int i = 0; i < 64; ++i) seen.insert(filtered->sample(logits_).value());
    EXPECT_EQ(seen, (std::set<Token>{3, 4}));
  }
  EXPECT_EQ(sampler({.temperature = 0.01F, .seed = 1})->sample(logits_), 3);
  EXPECT_TRUE(sampler({.typical_p = 0.5F, .seed = 1})->sample(logits_));
}

TEST_F(LlamaSampling, AGrammarAllowsNothingElse) {
  auto either = sampler({.temperature = 0, .grammar = "root ::= \"yes\" | \"no\""});
  const Token foreign = token_of("king");
  logits_[static_cast<std::size_t>(foreign)] = 50.0F;
  std::string text;
  for (int i = 0; i < 8; ++i) {
    const Token token = either->sample(logits_).value();
    if (model().tokenizer()->ends_generation(token)) break;
    text += model().tokenizer()->piece(token, false);
  }
  EXPECT_TRUE(text == "yes" || text == "no") << text;
}

TEST_F(LlamaSampling, AGrammarThatLeavesNothingFails) {
  auto literal = sampler({.temperature = 0, .grammar = "root ::= \"yes\""});
  const std::vector<float> impossible(logits_.size(), -INFINITY);
  const auto failed = literal->sample(impossible);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), kSamplingFailed);
  EXPECT_EQ(sampler({.temperature = 0})->sample({}).error().code(), kSamplingFailed);
}

TEST_F(LlamaSampling, GrammarsThatCannotBeEnforcedAreRefused) {
  expect_refused({.grammar = "root ::= \"yes"}, "grammar");
  expect_refused({.grammar = "root ::= missing"}, "grammar");
  expect_refused({.grammar = "other ::= \"yes\""}, "grammar");
  expect_refused({.grammar = "root ::= root \"a\""}, "grammar");
  expect_refused({.grammar = " "}, "grammar");
  expect_refused({.grammar = "root ::= " + std::string(20'000, '(') + "\"a\"" + std::string(20'000, ')')}, "grammar");
}

TEST_F(LlamaSampling, ALongChainOfRulesWithinTheLimitsIsWalkedSafely) {
  std::string chain = "root ::= r1\n";
  for (int i = 1; i < 1'998; ++i) chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  chain += "r1998 ::= \"a\"\n";
  EXPECT_TRUE(sampler({.temperature = 0, .grammar = chain})->sample(logits_));
}

TEST_F(LlamaSampling, OptionsOutOfRangeAreNamed) {
  expect_refused({.temperature = -1}, "temperature");
  expect_refused({.top_p = 0}, "top_p");
  expect_refused({.logit_bias = {{model().tokenizer()->vocabulary_size(), 1.0F}}}, "logit_bias");
}

}  // namespace
}  // namespace forebay::engines
