#include "base/executor.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <future>
#include <latch>
#include <memory>

#include "base/errors.h"
#include "base/testing/inline_executor.h"

namespace forebay {
namespace {

TEST(ThreadPool, RunsEverythingThatIsQueuedBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    ThreadPool pool({.name = "test", .threads = 2, .queue_tasks_max = 100});
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(pool.post([&] { ++ran; }));
    }
  }
  EXPECT_EQ(ran, 100);
}

TEST(ThreadPool, RefusesWhenItsQueueIsFull) {
  std::latch busy(1);
  std::latch may_end(1);
  ThreadPool pool({.name = "test", .threads = 1, .queue_tasks_max = 2});
  ASSERT_TRUE(pool.post([&] {
    busy.count_down();
    may_end.wait();
  }));
  busy.wait();
  EXPECT_TRUE(pool.post([] {}));
  EXPECT_TRUE(pool.post([] {}));
  EXPECT_EQ(pool.queued(), 2u);
  EXPECT_EQ(pool.post([] {}).error().code(), kQueueFull);
  may_end.count_down();
}

TEST(ThreadPool, RefusesWhatItsLastTasksPost) {
  std::atomic<bool> refused{false};
  std::promise<void> may_run;
  {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.name = "test", .threads = 1, .queue_tasks_max = 10});
    ThreadPool& alive = *pool;
    ASSERT_TRUE(pool->post([&, start = may_run.get_future()]() mutable {
      start.wait();
      // The pool is being destroyed: it may or may not be closed yet, and then is.
      while (true) {
        if (const auto posted = alive.post([] {}); !posted && posted.error().code() == kShuttingDown) break;
        std::this_thread::yield();
      }
      refused = true;
    }));
    may_run.set_value();
  }
  EXPECT_TRUE(refused);
}

TEST(ThreadPool, TakesTasksThatCanOnlyBeMoved) {
  std::promise<int> answer;
  auto future = answer.get_future();
  ThreadPool pool({.name = "test"});
  ASSERT_TRUE(pool.post([answer = std::move(answer), number = std::make_unique<int>(7)]() mutable { answer.set_value(*number); }));
  EXPECT_EQ(future.get(), 7);
}

TEST(ThreadPool, NamesItsThreads) {
  std::promise<std::string> name;
  ThreadPool pool({.name = "a-rather-long-name", .threads = 1});
  ASSERT_TRUE(pool.post([&] {
    std::array<char, 16> buffer{};
    pthread_getname_np(pthread_self(), buffer.data(), buffer.size());
    name.set_value(buffer.data());
  }));
  EXPECT_EQ(name.get_future().get(), "a-rather-long-n");
}

TEST(InlineExecutor, RunsHoldsOrRefuses) {
  InlineExecutor executor;
  int ran = 0;
  EXPECT_TRUE(executor.post([&] { ++ran; }));
  EXPECT_EQ(ran, 1);
  executor.hold = true;
  EXPECT_TRUE(executor.post([&] { ++ran; }));
  EXPECT_EQ(ran, 1);
  executor.run_all();
  EXPECT_EQ(ran, 2);
  executor.refuse = true;
  EXPECT_EQ(executor.post([&] { ++ran; }).error().code(), kQueueFull);
}

}  // namespace
}  // namespace forebay
