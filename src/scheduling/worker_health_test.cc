#include "scheduling/worker_health.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/testing/virtual_clock.h"

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;
using enum WorkerState;

const HealthOptions kOptions{.failures_in_a_row_max = 3,
                             .restart_delay_min = milliseconds(100),
                             .restart_delay_max = milliseconds(1'000),
                             .probation_steps = 2,
                             .step_stalled_after = milliseconds(5'000)};

class Health : public testing::Test {
 protected:
  void succeed() { health_.step_succeeded(clock_.now(), clock_.now()); }
  bool fails(std::uint64_t request) { return health_.step_failed(request, clock_.now(), clock_.now()); }
  WorkerState state(std::optional<Instant> running_since = {}) { return health_.state(clock_.now(), running_since); }
  milliseconds delay() { return std::chrono::duration_cast<milliseconds>(*health_.restart_at() - clock_.now()); }

  VirtualClock clock_;
  WorkerHealth health_{kOptions};
};

TEST_F(Health, OneFailingRequestMakesAWorkerSuspectHoweverOftenItFails) {
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(fails(7));
  EXPECT_EQ(state(), kSuspect);
  EXPECT_TRUE(health_.in_rotation(clock_.now(), {}));
  succeed();
  EXPECT_EQ(state(), kHealthy);
}

TEST_F(Health, AWorkerIsRemovedByAsManyFailuresOfDifferentRequestsInARowAsAreAllowed) {
  EXPECT_FALSE(fails(1));
  EXPECT_FALSE(fails(2));
  EXPECT_EQ(state(), kSuspect);
  EXPECT_TRUE(fails(3));
  EXPECT_EQ(state(), kRemoved);
  EXPECT_TRUE(health_.needs_restart());
  EXPECT_EQ(delay(), milliseconds(100));
}

TEST_F(Health, ASuccessBetweenFailuresForgetsThem) {
  for (std::uint64_t request = 1; request < 20; ++request) {
    EXPECT_FALSE(fails(request));
    if (request % 2 == 0) succeed();
  }
  EXPECT_EQ(health_.failures_in_a_row(), 1U);
}

TEST_F(Health, OnProbationOneFailureRemovesAgainAndTheDelayDoublesUpToItsBound) {
  health_.session_lost(clock_.now());
  for (const int expected : {100, 200, 400, 800, 1'000, 1'000}) {
    EXPECT_EQ(delay(), milliseconds(expected));
    health_.session_opened();
    EXPECT_EQ(state(), kProbation);
    EXPECT_TRUE(health_.in_rotation(clock_.now(), {}));
    EXPECT_TRUE(fails(1));
  }
  EXPECT_EQ(health_.restarts(), 6U);
}

TEST_F(Health, ASessionThatCannotBeReopenedIsTriedLaterAndLater) {
  for (const int expected : {100, 200, 400}) {
    health_.session_lost(clock_.now());
    EXPECT_EQ(delay(), milliseconds(expected));
    EXPECT_FALSE(health_.in_rotation(clock_.now(), {}));
  }
}

TEST_F(Health, ProvenStepsEndTheProbationAndForgetTheDelays) {
  health_.session_lost(clock_.now());
  health_.session_opened();
  succeed();
  EXPECT_EQ(state(), kProbation);
  succeed();
  EXPECT_EQ(state(), kHealthy);
  health_.session_lost(clock_.now());
  EXPECT_EQ(delay(), milliseconds(100));
}

TEST_F(Health, AStalledStepRemovesItsWorkerUntilItReturns) {
  const Instant began = clock_.now();
  clock_.advance(milliseconds(5'000));
  EXPECT_EQ(state(began), kHealthy);
  clock_.advance(milliseconds(1));
  EXPECT_EQ(state(began), kRemoved);
  EXPECT_FALSE(health_.needs_restart());
  health_.step_succeeded(began, clock_.now());
  EXPECT_EQ(state(), kProbation);
  succeed();
  succeed();
  EXPECT_EQ(state(), kHealthy);
}

TEST_F(Health, AnAbortedStepSaysNothing) {
  EXPECT_FALSE(fails(1));
  health_.step_returned(clock_.now(), clock_.now());
  EXPECT_EQ(state(), kSuspect);
  EXPECT_EQ(health_.failures_in_a_row(), 1U);
}

// Everything that ever happened, and the state worked out from that again each time.
struct NaiveHealth {
  std::vector<std::uint64_t> failed;  // since the last success or opening
  int proven = -1;                    // -1: not on probation
  bool removed = false;
  std::optional<Instant> began;

  WorkerState state(Instant now) const {
    if (removed || (began && now - *began > kOptions.step_stalled_after)) return kRemoved;
    if (proven >= 0) return kProbation;
    return failed.empty() ? kHealthy : kSuspect;
  }
  void returned(Instant now) {
    if (!removed && began && now - *began > kOptions.step_stalled_after) proven = 0;
  }
};

TEST(Property18, AWorkerIsInRotationExactlyWhileItsHistorySaysSo) {
  EXPECT_TRUE(rc::check("worker health", [] {
    VirtualClock clock;
    WorkerHealth health(kOptions);
    NaiveHealth naive;
    const int actions = *rc::gen::inRange(1, 80);
    for (int i = 0; i < actions; ++i) {
      clock.advance(milliseconds(*rc::gen::inRange(0, 3'000)));
      const Instant now = clock.now();
      const int action = *rc::gen::inRange(0, 10);
      if (naive.removed) {
        if (action < 5) {
          health.session_opened();
          naive = NaiveHealth{.failed = {}, .proven = 0, .removed = false, .began = {}};
        } else {
          health.session_lost(now);
          RC_ASSERT(*health.restart_at() - now <= kOptions.restart_delay_max);
        }
      } else if (!naive.began) {
        naive.began = now;
      } else if (action < 5) {
        const bool late = naive.state(now) == kRemoved;
        naive.returned(now);
        if (!late && naive.proven >= 0) ++naive.proven;
        if (naive.proven >= static_cast<int>(kOptions.probation_steps)) naive.proven = -1;
        naive.failed.clear();
        health.step_succeeded(*std::exchange(naive.began, {}), now);
      } else if (action < 9) {
        const auto request = *rc::gen::inRange<std::uint64_t>(1, 4);
        naive.returned(now);
        const Instant began = *std::exchange(naive.began, {});
        const bool is_new = naive.failed.empty() || naive.failed.back() != request;
        if (is_new) naive.failed.push_back(request);
        naive.removed = is_new && (naive.proven >= 0 || naive.failed.size() >= kOptions.failures_in_a_row_max);
        RC_ASSERT(health.step_failed(request, began, now) == naive.removed);
      } else {
        naive.returned(now);
        health.step_returned(*std::exchange(naive.began, {}), now);
      }
      RC_ASSERT(health.state(now, naive.began) == naive.state(now));
      RC_ASSERT(health.in_rotation(now, naive.began) == (naive.state(now) != kRemoved));
      RC_ASSERT(health.needs_restart() == naive.removed);
    }
  }));
}

}  // namespace
}  // namespace forebay::scheduling
