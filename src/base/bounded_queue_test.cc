#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace forebay {
namespace {

TEST(BoundedQueue, RefusesAtItsMaximumAndLeavesTheItemAlone) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  EXPECT_TRUE(queue.push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_EQ(queue.push(std::move(third)).error().code(), kQueueFull);
  // NOLINTBEGIN(bugprone-use-after-move): what was refused is still the caller's
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(*third, 3);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(**queue.pop(), 1);
  EXPECT_TRUE(queue.push(std::move(third)));
  // NOLINTEND(bugprone-use-after-move)
}

TEST(BoundedQueue, OfNoEntriesRefusesEverything) {
  BoundedQueue<int> queue(0);
  EXPECT_EQ(queue.push(1).error().code(), kQueueFull);
}

TEST(BoundedQueue, GivesBackInOrder) {
  BoundedQueue<int> queue(10);
  for (const int i : {1, 2, 3}) EXPECT_TRUE(queue.push(int{i}));
  for (const int i : {1, 2, 3}) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.size(), 0u);
}

TEST(BoundedQueue, GivesOutTheRestAfterItWasClosed) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(queue.push(1));
  queue.close();
  EXPECT_EQ(queue.push(2).error().code(), kShuttingDown);
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, WakesEveryoneWhoWaitsWhenItCloses) {
  BoundedQueue<int> queue(1);
  std::atomic<int> woken{0};
  {
    std::vector<std::jthread> waiting;
    std::latch started(3);
    for (int i = 0; i < 3; ++i) {
      waiting.emplace_back([&] {
        started.count_down();
        if (!queue.pop()) ++woken;
      });
    }
    started.wait();
    queue.close();
  }
  EXPECT_EQ(woken, 3);
}

TEST(BoundedQueue, LosesAndDoublesNothingBetweenThreads) {
  BoundedQueue<int> queue(8);
  constexpr int kEach = 2'000;
  std::atomic<long> taken_sum{0};
  std::atomic<int> taken{0};
  std::atomic<bool> overshot{false};
  {
    std::vector<std::jthread> consumers;
    for (int i = 0; i < 2; ++i) {
      consumers.emplace_back([&] {
        while (const auto item = queue.pop()) {
          taken_sum += *item;
          ++taken;
          if (queue.size() > 8) overshot = true;
        }
      });
    }
    {
      std::vector<std::jthread> producers;
      for (int i = 0; i < 2; ++i) {
        producers.emplace_back([&] {
          for (int item = 1; item <= kEach; ++item) {
            while (!queue.push(int{item})) std::this_thread::yield();
          }
        });
      }
    }
    queue.close();
  }
  EXPECT_EQ(taken, 2 * kEach);
  EXPECT_EQ(taken_sum, long{kEach} * (kEach + 1));
  EXPECT_FALSE(overshot);
}

}  // namespace
}  // namespace forebay
