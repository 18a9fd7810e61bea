#include "base/byte_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/errors.h"

namespace forebay {
namespace {

TEST(ByteBudget, GivesUpToItsLastByteAndNotOneMore) {
  ByteBudget budget(100);
  auto first = budget.reserve(60, "weights");
  ASSERT_TRUE(first);
  EXPECT_EQ(budget.reserve(41, "cells").error().code(), kBudgetExhausted);
  auto second = budget.reserve(40, "cells");
  ASSERT_TRUE(second);
  EXPECT_EQ(budget.bytes_held(), 100u);
  EXPECT_EQ(budget.reserve(1, "cache").error().message(), "cache needs 1 bytes; 0 of 100 are free");
  EXPECT_TRUE(budget.reserve(0, "nothing"));
  EXPECT_EQ(budget.reserve(SIZE_MAX, "all").error().code(), kBudgetExhausted);
}

TEST(ByteBudget, TakesBackWhenAReservationEnds) {
  ByteBudget budget(100);
  {
    auto held = *budget.reserve(60, "a");
    EXPECT_EQ(held.bytes(), 60u);
    ByteBudget::Reservation moved = std::move(held);
    EXPECT_EQ(held.bytes(), 0u);  // NOLINT(bugprone-use-after-move): an empty reservation is promised
    EXPECT_EQ(budget.bytes_held(), 60u);
    moved = *budget.reserve(10, "b");
    EXPECT_EQ(budget.bytes_held(), 10u);
    moved.release();
    moved.release();
    EXPECT_EQ(budget.bytes_held(), 0u);
  }
  EXPECT_EQ(budget.bytes_held(), 0u);
}

TEST(ByteBudget, NeverOvershootsBetweenThreads) {
  ByteBudget budget(300);  // Less than one thread alone would like to hold.
  std::atomic<bool> overshot{false};
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::vector<ByteBudget::Reservation> held;
        for (int i = 0; i < 5'000; ++i) {
          if (auto got = budget.reserve(static_cast<std::size_t>(1 + (i * 7 + t) % 120), "work"))
            held.push_back(std::move(*got));
          else
            ++refused;
          if (budget.bytes_held() > 300) overshot = true;
          if (held.size() > 6) held.erase(held.begin());
        }
      });
    }
  }
  EXPECT_FALSE(overshot);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(budget.bytes_held(), 0u);
}

}  // namespace
}  // namespace forebay
