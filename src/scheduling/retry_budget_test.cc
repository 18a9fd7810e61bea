#include "scheduling/retry_budget.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/testing/virtual_clock.h"

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;

TEST(RetryBudget, LetsABurstThroughAndThenItsShareOfTheRequests) {
  VirtualClock clock;
  RetryBudget budget({.request_share = 0.25, .per_second_min = 0, .burst_max = 2});
  EXPECT_TRUE(budget.take(clock.now()));
  EXPECT_TRUE(budget.take(clock.now()));
  EXPECT_FALSE(budget.take(clock.now()));
  for (int i = 0; i < 3; ++i) budget.note_request();
  EXPECT_FALSE(budget.take(clock.now()));
  budget.note_request();
  EXPECT_TRUE(budget.take(clock.now()));
  EXPECT_FALSE(budget.take(clock.now()));
}

TEST(RetryBudget, GrowsByTimeUpToItsBurst) {
  VirtualClock clock;
  RetryBudget budget({.request_share = 0, .per_second_min = 2, .burst_max = 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(clock.now()));
  clock.advance(milliseconds(499));
  EXPECT_FALSE(budget.take(clock.now()));
  clock.advance(milliseconds(1));
  EXPECT_TRUE(budget.take(clock.now()));
  clock.advance(std::chrono::hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(clock.now()));
  EXPECT_FALSE(budget.take(clock.now()));
}

TEST(RetryBudget, NeverGivesMoreThanBurstShareAndTimeAllowTogether) {
  EXPECT_TRUE(rc::check("retries are bounded", [] {
    VirtualClock clock;
    const RetryOptions options{.request_share = *rc::gen::inRange(0, 10) / 10.0,
                               .per_second_min = *rc::gen::inRange(0, 5) / 1.0,
                               .burst_max = *rc::gen::inRange(1, 20) / 1.0};
    RetryBudget budget(options);
    const Instant began = clock.now();
    std::size_t requests = 0;
    std::size_t taken = 0;
    const int steps = *rc::gen::inRange(1, 200);
    for (int step = 0; step < steps; ++step) {
      clock.advance(milliseconds(*rc::gen::inRange(0, 50)));
      if (*rc::gen::arbitrary<bool>()) {
        budget.note_request();
        ++requests;
      } else {
        taken += budget.take(clock.now());
      }
      const double seconds = std::chrono::duration<double>(clock.now() - began).count();
      const double allowed = options.burst_max + options.request_share * static_cast<double>(requests) + options.per_second_min * seconds;
      RC_ASSERT(static_cast<double>(taken) <= allowed + 1e-6);
    }
  }));
}

}  // namespace
}  // namespace forebay::scheduling
