#include "scheduling/logprobs.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engines/testing/fake_tokenizer.h"

namespace forebay::scheduling {
namespace {

TEST(Logprobs, AreTheLogOfTheSoftmaxMostProbableFirstAndTiesBySmallerId) {
  const std::vector<float> logits{std::log(1.0F), std::log(4.0F), std::log(1.0F), std::log(2.0F)};
  const auto found = logprobs_of(logits, 2, 3, engines::FakeTokenizer());
  EXPECT_NEAR(found.chosen.logprob, std::log(1.0 / 8), 1e-6);
  ASSERT_EQ(found.alternatives.size(), 4U) << "the chosen one is beside the three likeliest";
  EXPECT_EQ(found.alternatives[3].token, 2);
  EXPECT_EQ(found.alternatives[3].logprob, found.chosen.logprob);
  EXPECT_EQ(found.alternatives[0].token, 1);
  EXPECT_EQ(found.alternatives[1].token, 3);
  EXPECT_EQ(found.alternatives[2].token, 0);
  EXPECT_NEAR(found.alternatives[0].logprob, std::log(0.5), 1e-6);
}

TEST(Logprobs, DoNotOverflowAndGiveNoMoreThanTheVocabularyHas) {
  const auto found = logprobs_of(std::vector<float>{1e30F, 0}, 0, 20, engines::FakeTokenizer());
  EXPECT_NEAR(found.chosen.logprob, 0, 1e-6);
  EXPECT_EQ(found.alternatives.size(), 2U) << "the chosen one is not listed twice";
  EXPECT_TRUE(logprobs_of(std::vector<float>{1, 2}, 0, 0, engines::FakeTokenizer()).alternatives.empty());
}

}  // namespace
}  // namespace forebay::scheduling
