#include "scheduling/step_pace.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;

TEST(StepPace, ReadsPromptsAtFullSpeedWhileNobodyDecodes) {
  EXPECT_EQ(StepPace(milliseconds(100), 32, true).prompt_tokens(0, 0), SIZE_MAX);
}

TEST(StepPace, WithoutAPromiseEveryStepIsFull) { EXPECT_EQ(StepPace(Duration::zero(), 32, true).prompt_tokens(3, 0), SIZE_MAX); }

TEST(StepPace, StartsCarefullyUntilItHasMeasured) { EXPECT_EQ(StepPace(milliseconds(100), 32, true).prompt_tokens(1, 0), 127U); }

TEST(StepPace, NeverOffersLessThanTheSmallestChunk) {
  StepPace pace(milliseconds(10), 32, true);
  pace.note(0, {100, 50}, milliseconds(1000));
  EXPECT_EQ(pace.prompt_tokens(1, 0), 32U);
}

TEST(StepPace, WhatDecodingTakesIsNotLeftForPrompts) {
  StepPace pace(milliseconds(200), 1, false);
  pace.note(0, {100, 50}, milliseconds(100));
  EXPECT_EQ(pace.prompt_tokens(1, 0), 128U);  // 170 in whole tiles of 64
  pace.note(4, {}, milliseconds(70));
  EXPECT_EQ(pace.prompt_tokens(4, 0), 64U);
}

TEST(StepPace, OffersWholeTiles) {
  StepPace pool(milliseconds(1000), 128, true);
  pool.note(0, {100, 50}, milliseconds(100));
  EXPECT_EQ(pool.prompt_tokens(4, 0) % 64, 60U);
  StepPace parts(milliseconds(1000), 128, false);
  parts.note(0, {100, 50}, milliseconds(100));
  EXPECT_EQ(parts.prompt_tokens(4, 0) % 64, 0U);
}

TEST(StepPace, KeepsItsPromiseWhateverAPromptTokenCosts) {
  EXPECT_TRUE(rc::check("steps of a machine with constant costs stay within the time", [] {
    const double decode_ms = *rc::gen::inRange(1, 40);
    const double token_ms = *rc::gen::inRange(1, 200) / 100.0;
    StepPace pace(milliseconds(150), 1, true);
    const auto took = [&](std::size_t decodes, std::size_t tokens) {
      return std::chrono::duration_cast<Duration>(
          std::chrono::duration<double, std::milli>((decodes > 0 ? decode_ms : 0) + token_ms * static_cast<double>(tokens)));
    };
    pace.note(2, {}, took(2, 0));
    pace.note(0, {200, 100}, took(0, 200));
    for (int i = 0; i < 20; ++i) {
      const std::size_t tokens = pace.prompt_tokens(2, 0);
      RC_ASSERT(took(2, tokens) <= milliseconds(150));
      pace.note(2, {tokens, 100}, took(2, tokens));
    }
    // … and wastes less than one tile of it.
    RC_ASSERT(took(2, pace.prompt_tokens(2, 0) + 3 + StepPace::kTileTokens) >= milliseconds(120));
  }));
}

// As attention does: every token costs more the more stands before it.
TEST(StepPace, KeepsItsPromiseThroughALongPromptThatCostsMoreTokenByToken) {
  EXPECT_TRUE(rc::check("steps of a prompt of 4,000 tokens stay within the time", [] {
    const double decode_ms = *rc::gen::inRange(1, 30);
    const double token_ms = *rc::gen::inRange(5, 50) / 100.0;
    const double slope_ms = *rc::gen::inRange(0, 40) / 100'000.0;
    StepPace pace(milliseconds(150), 1, false);
    pace.note(2, {}, milliseconds(static_cast<int>(decode_ms)));
    for (std::size_t position = 0; position < 4'000;) {
      const std::size_t tokens = pace.prompt_tokens(2, position);
      const double mean = static_cast<double>(position) + static_cast<double>(tokens) / 2;
      const double took_ms = static_cast<double>(tokens) * (token_ms + slope_ms * mean);
      RC_ASSERT(decode_ms + took_ms <= 150 || tokens <= StepPace::kTileTokens);
      pace.note(0, {tokens, mean}, std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(took_ms)));
      position += tokens;
    }
  }));
}

TEST(StepPace, ReadsAtMostTwiceAsMuchAsInTheStepBefore) {
  StepPace pace(milliseconds(1000), 1, false);
  pace.note(0, {128, 64}, milliseconds(1));
  EXPECT_EQ(pace.prompt_tokens(1, 128), 256U);
}

}  // namespace
}  // namespace forebay::scheduling
