#include "scheduling/request_limits.h"

#include <gtest/gtest.h>

#include <numeric>

#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

const engines::GenerationSessionInfo kInfo{.context_tokens = 100, .sequence_tokens_max = 100, .vocabulary_size = 1000};

GenerationRequest request_with(std::size_t prompt_tokens, std::uint32_t tokens_max, Overflow overflow) {
  GenerationRequest request;
  request.prompt.resize(prompt_tokens);
  std::iota(request.prompt.begin(), request.prompt.end(), 0);
  request.tokens_max = tokens_max;
  request.overflow = overflow;
  return request;
}

TEST(RequestLimits, APromptThatLeavesNoRoomIsRefusedUnlessItMayBeShortened) {
  EXPECT_TRUE(check(request_with(99, 0, Overflow::kRefuse), kInfo));
  EXPECT_EQ(check(request_with(100, 0, Overflow::kRefuse), kInfo).error().code(), kPromptTooLong);
  EXPECT_TRUE(check(request_with(500, 0, Overflow::kTruncate), kInfo));
  EXPECT_TRUE(check(request_with(500, 0, Overflow::kShift), kInfo));
}

TEST(RequestLimits, TheAnswerEndsWithTheContext) {
  auto request = request_with(60, 1000, Overflow::kRefuse);
  EXPECT_EQ(fit_to_context(request, kInfo, 0), 0U);
  EXPECT_EQ(request.tokens_max, 40U);
  auto unsaid = request_with(60, 0, Overflow::kRefuse);
  fit_to_context(unsaid, kInfo, 7);
  EXPECT_EQ(unsaid.tokens_max, 7U);
}

TEST(RequestLimits, TruncatingKeepsTheFirstAndTheNewestTokens) {
  auto request = request_with(500, 30, Overflow::kTruncate);
  EXPECT_EQ(fit_to_context(request, kInfo, 0), 430U);
  ASSERT_EQ(request.prompt.size(), 70U);
  EXPECT_EQ(request.prompt[3], 3);
  EXPECT_EQ(request.prompt[4], 434);
  EXPECT_EQ(request.prompt.back(), 499);
  EXPECT_EQ(request.tokens_max, 30U);
}

TEST(RequestLimits, ALongAnswerGetsHalfOfTheContextAndAnUnsaidOneAQuarter) {
  auto greedy = request_with(500, 10'000, Overflow::kTruncate);
  fit_to_context(greedy, kInfo, 0);
  EXPECT_EQ(greedy.prompt.size(), 50U);
  EXPECT_EQ(greedy.tokens_max, 50U);
  auto unsaid = request_with(500, 0, Overflow::kTruncate);
  fit_to_context(unsaid, kInfo, 0);
  EXPECT_EQ(unsaid.prompt.size(), 75U);
}

TEST(RequestLimits, ShiftingLetsTheAnswerGoOnBeyondTheContext) {
  auto request = request_with(60, 1000, Overflow::kShift);
  fit_to_context(request, kInfo, 0);
  EXPECT_EQ(request.tokens_max, 1000U);
}

TEST(RequestLimits, AMillionKeptTokensAreAtMostHalfOfThePrompt) {
  auto request = request_with(500, 30, Overflow::kTruncate);
  request.overflow_keep_tokens = 1'000'000;
  fit_to_context(request, kInfo, 0);
  EXPECT_EQ(request.prompt.size(), 70U);
  EXPECT_EQ(request.prompt.back(), 499);
}

}  // namespace
}  // namespace forebay::scheduling
