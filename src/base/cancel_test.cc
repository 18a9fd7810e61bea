#include "base/cancel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "base/errors.h"

namespace forebay {
namespace {

TEST(CancelToken, IsNotCancelledUntilSomebodyAsks) {
  const CancelToken token;
  EXPECT_FALSE(token.cancelled());
  EXPECT_EQ(token.reason(), CancelReason::kNone);
  token.cancel(CancelReason::kNone);
  EXPECT_FALSE(token.cancelled());
}

TEST(CancelToken, KeepsTheFirstReasonInAllItsCopies) {
  const CancelToken token;
  const CancelToken copy = token;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the point
  copy.cancel(CancelReason::kDeadline);
  token.cancel(CancelReason::kShutdown);
  EXPECT_EQ(token.reason(), CancelReason::kDeadline);
  EXPECT_EQ(copy.reason(), CancelReason::kDeadline);
}

TEST(CancelToken, EndsWithTheErrorOfItsReason) {
  const auto code_after = [](CancelReason reason) {
    const CancelToken token;
    token.cancel(reason);
    return token.error().code();
  };
  EXPECT_EQ(code_after(CancelReason::kDeadline), kDeadlinePassed);
  EXPECT_EQ(code_after(CancelReason::kShutdown), kShuttingDown);
  for (const auto reason : {CancelReason::kClientGone, CancelReason::kSlowReader, CancelReason::kSuperseded}) {
    EXPECT_EQ(code_after(reason), kCancelledByCaller) << name_of(reason);
  }
}

TEST(CancelToken, CallsBackOnceWithTheReason) {
  const CancelToken token;
  std::vector<CancelReason> calls;
  const auto subscription = token.on_cancel([&](CancelReason reason) { calls.push_back(reason); });
  EXPECT_TRUE(calls.empty());
  token.cancel(CancelReason::kClientGone);
  token.cancel(CancelReason::kShutdown);
  EXPECT_EQ(calls, std::vector{CancelReason::kClientGone});
}

TEST(CancelToken, CallsBackAtOnceWhenItIsAlreadyCancelled) {
  const CancelToken token;
  token.cancel(CancelReason::kShutdown);
  int calls = 0;
  const auto subscription = token.on_cancel([&](CancelReason) { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(CancelToken, ShowsTheNewStateToItsCallbacks) {
  const CancelToken token;
  bool cancelled = false;
  const auto subscription = token.on_cancel([&](CancelReason) { cancelled = token.cancelled(); });
  token.cancel(CancelReason::kDeadline);
  EXPECT_TRUE(cancelled);
}

TEST(CancelToken, ForgetsSubscriptionsThatEnded) {
  const CancelToken token;
  int calls = 0;
  auto kept = token.on_cancel([&](CancelReason) { ++calls; });
  {
    const auto ended = token.on_cancel([&](CancelReason) { calls += 100; });
  }
  auto moved = std::move(kept);
  auto replaced = token.on_cancel([&](CancelReason) { calls += 1'000; });
  replaced = token.on_cancel([&](CancelReason) { calls += 10; });
  token.cancel(CancelReason::kClientGone);
  EXPECT_EQ(calls, 11);
}

TEST(CancelToken, LetsACallbackEndItsOwnSubscription) {
  const CancelToken token;
  int calls = 0;
  std::optional<CancelToken::Subscription> subscription;
  subscription = token.on_cancel([&](CancelReason) {
    ++calls;
    subscription.reset();
  });
  token.cancel(CancelReason::kClientGone);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(subscription);
}

TEST(CancelToken, LetsACallbackSubscribeAgain) {
  const CancelToken token;
  int calls = 0;
  CancelToken::Subscription second;
  const auto first = token.on_cancel([&](CancelReason) { second = token.on_cancel([&](CancelReason) { ++calls; }); });
  token.cancel(CancelReason::kClientGone);
  EXPECT_EQ(calls, 1);
}

TEST(CancelToken, WaitsForARunningCallbackBeforeASubscriptionEnds) {
  const CancelToken token;
  std::latch running(1);
  std::latch may_end(1);
  std::atomic<bool> finished{false};
  std::optional<CancelToken::Subscription> subscription = token.on_cancel([&](CancelReason) {
    running.count_down();
    may_end.wait();
    finished = true;
  });
  std::jthread canceller([&] { token.cancel(CancelReason::kClientGone); });
  running.wait();
  std::jthread releaser([&] { may_end.count_down(); });
  subscription.reset();
  EXPECT_TRUE(finished);
}

// Whoever comes first: the callback runs at most once, never after its subscription ended, and always when nothing ended it.
TEST(CancelToken, CallsAtMostOnceWhateverRaces) {
  for (int round = 0; round < 300; ++round) {
    const CancelToken token;
    std::latch start(3);
    std::atomic<int> kept_calls{0};
    std::atomic<int> ended_calls{0};
    std::atomic<bool> ended{false};
    std::atomic<bool> called_after_end{false};
    CancelToken::Subscription kept;
    {
      std::jthread first([&] {
        start.arrive_and_wait();
        token.cancel(CancelReason::kClientGone);
      });
      std::jthread second([&] {
        start.arrive_and_wait();
        token.cancel(CancelReason::kDeadline);
      });
      std::jthread subscriber([&] {
        start.arrive_and_wait();
        kept = token.on_cancel([&](CancelReason) { ++kept_calls; });
        {
          const auto short_lived = token.on_cancel([&](CancelReason) {
            ++ended_calls;
            if (ended) called_after_end = true;
          });
        }
        ended = true;
      });
    }
    ASSERT_EQ(kept_calls, 1);
    ASSERT_LE(ended_calls, 1);
    ASSERT_FALSE(called_after_end);
  }
}

}  // namespace
}  // namespace forebay
