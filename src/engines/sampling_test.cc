#include "engines/sampling.h"

#include <gtest/gtest.h>

#include <limits>

#include "engines/errors.h"

namespace forebay::engines {
namespace {

constexpr std::int32_t kVocabulary = 100;

void expect_refused(const SamplingOptions& options, std::string_view field) {
  const auto checked = check_sampling(options, kVocabulary);
  ASSERT_FALSE(checked) << field;
  EXPECT_EQ(checked.error().code(), kBadSampling);
  EXPECT_EQ(checked.error().field(), field);
}

TEST(SamplingOptions, DefaultsAndTheEndsOfEveryRangeAreTaken) {
  EXPECT_TRUE(check_sampling({}, kVocabulary));
  EXPECT_TRUE(check_sampling({.temperature = 0,
                              .top_k = 0,
                              .top_p = 1,
                              .min_p = 0,
                              .frequency_penalty = -2,
                              .presence_penalty = 2,
                              .penalty_last_tokens = 0,
                              .logit_bias = {{0, -100.0F}, {kVocabulary - 1, 100.0F}}},
                             kVocabulary));
}

TEST(SamplingOptions, EveryOptionOutOfItsRangeIsNamed) {
  expect_refused({.temperature = -0.1F}, "temperature");
  expect_refused({.top_k = -1}, "top_k");
  expect_refused({.top_p = 0}, "top_p");
  expect_refused({.top_p = 1.01F}, "top_p");
  expect_refused({.min_p = 1}, "min_p");
  expect_refused({.typical_p = 0}, "typical_p");
  expect_refused({.repeat_penalty = 0}, "repeat_penalty");
  expect_refused({.frequency_penalty = 2.1F}, "frequency_penalty");
  expect_refused({.presence_penalty = -2.1F}, "presence_penalty");
  expect_refused({.penalty_last_tokens = -1}, "penalty_last_tokens");
  expect_refused({.logit_bias = {{kVocabulary, 1.0F}}}, "logit_bias");
  expect_refused({.logit_bias = {{-1, 1.0F}}}, "logit_bias");
  expect_refused({.logit_bias = {{1, 100.5F}}}, "logit_bias");
}

TEST(SamplingOptions, NotANumberIsOutOfEveryRange) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_refused({.temperature = nan}, "temperature");
  expect_refused({.top_p = nan}, "top_p");
  expect_refused({.min_p = nan}, "min_p");
  expect_refused({.repeat_penalty = nan}, "repeat_penalty");
  expect_refused({.logit_bias = {{1, nan}}}, "logit_bias");
}

}  // namespace
}  // namespace forebay::engines
