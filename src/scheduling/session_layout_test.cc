#include "scheduling/session_layout.h"

#include <gtest/gtest.h>

#include "scheduling/testing/generation_fixture.h"

namespace forebay::scheduling {
namespace {

class SessionLayout : public ::testing::Test {
 protected:
  bool unified(const GenerationOptions& options, std::size_t budget_bytes) {
    engines::FakeEngine engine;
    const auto model = load_fake(engine, formats::Task::kTextGeneration);
    const ByteBudget budget(budget_bytes);
    return session_options(*model, options, &budget).layout == engines::CacheLayout::kUnified;
  }
  static constexpr std::size_t kPlenty = std::size_t{1} << 40;
};

TEST_F(SessionLayout, EverySequenceHasItsPartWhereThatTakesAQuarterOfTheBudgetAtMost) {
  EXPECT_FALSE(unified({}, kPlenty));
  EXPECT_TRUE(unified({}, 1000));
}

TEST_F(SessionLayout, AGivenNumberOfCellsIsAPool) { EXPECT_TRUE(unified({.context_tokens = 256}, kPlenty)); }

TEST_F(SessionLayout, WhatWasAskedForIsDone) {
  EXPECT_TRUE(unified({.cells = "unified"}, kPlenty));
  EXPECT_FALSE(unified({.context_tokens = 256, .cells = "separate"}, 1000));
}

}  // namespace
}  // namespace forebay::scheduling
