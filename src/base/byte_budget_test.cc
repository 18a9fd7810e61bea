#include "base/byte_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
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

TEST(ByteBudget, AReservationGrowsByWhatIsFreeAndShrinksAtOnce) {
  ByteBudget budget(100);
  auto held = *budget.reserve(60, "weights");
  const auto other = *budget.reserve(30, "cells");
  EXPECT_EQ(held.resize(71, "weights").error().message(), "weights needs 11 bytes; 10 of 100 are free");
  EXPECT_EQ(held.bytes(), 60u) << "what was held is still held";
  EXPECT_EQ(budget.bytes_held(), 90u);
  EXPECT_TRUE(held.resize(70, "weights"));
  EXPECT_EQ(budget.bytes_held(), 100u);
  EXPECT_TRUE(held.resize(5, "weights"));
  EXPECT_EQ(held.bytes(), 5u);
  EXPECT_EQ(budget.bytes_held(), 35u);
  held.release();
  EXPECT_EQ(budget.bytes_held(), 30u);
}

TEST(ByteBudget, CachesGiveUpInTheirOrderWhatAReservationThatMattersMoreNeeds) {
  using enum ByteBudget::Shortage;
  ByteBudget budget(100);
  auto answers = *budget.reserve(30, "answers");
  auto states = *budget.reserve(60, "states");
  const auto gives = [](ByteBudget::Reservation& cache) {
    return [&cache](std::size_t bytes) { EXPECT_TRUE(cache.resize(cache.bytes() - std::min(bytes, cache.bytes()), "less")); };
  };
  const auto second = budget.on_shortage(2, gives(states));
  auto first = std::make_unique<ByteBudget::Reclaimable>(budget.on_shortage(1, gives(answers)));
  EXPECT_FALSE(budget.reserve(20, "a cache's entry")) << "caches do not push each other out";
  EXPECT_FALSE(budget.reserve(101, "too large", kReclaim));
  EXPECT_EQ(budget.bytes_held(), 90u) << "nothing is given up for what can never fit";
  const auto small = budget.reserve(20, "a worker", kReclaim);
  EXPECT_TRUE(small);
  EXPECT_EQ(answers.bytes(), 20u);
  EXPECT_EQ(states.bytes(), 60u);
  auto model = budget.reserve(25, "a model", kReclaim);
  EXPECT_TRUE(model);
  EXPECT_EQ(answers.bytes(), 0u);
  EXPECT_EQ(states.bytes(), 55u);
  EXPECT_TRUE(model->resize(35, "a model", kReclaim));
  EXPECT_EQ(states.bytes(), 45u);
  first.reset();
  EXPECT_TRUE(states.resize(30, "states"));
  EXPECT_TRUE(answers.resize(15, "answers"));
  EXPECT_TRUE(budget.reserve(20, "another model", kReclaim));
  EXPECT_EQ(answers.bytes(), 15u) << "one that has been unregistered is not asked";
  EXPECT_EQ(states.bytes(), 10u);
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
