#include "scheduling/circuit_breaker.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <vector>

#include "base/errors.h"
#include "base/testing/virtual_clock.h"
#include "engines/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;
using enum BreakerState;
using enum RequestOutcome;

const BreakerOptions kOptions{
    .failure_share = 0.5, .requests_min = 4, .window = milliseconds(1'000), .open_for = milliseconds(500), .probes_max = 2};

class Breaker : public testing::Test {
 protected:
  void end_one(RequestOutcome outcome) { breaker_.ended(*breaker_.admit(clock_.now()), outcome, clock_.now()); }
  void open() {
    for (int i = 0; i < 4; ++i) end_one(kFailed);
    ASSERT_EQ(breaker_.state(clock_.now()), kOpen);
  }
  BreakerState state() { return breaker_.state(clock_.now()); }

  VirtualClock clock_;
  CircuitBreaker breaker_{kOptions};
};

TEST_F(Breaker, OpensAtTheShareOfFailuresButNotBeforeEnoughRequestsEnded) {
  end_one(kFailed);
  end_one(kFailed);
  end_one(kSucceeded);
  EXPECT_EQ(state(), kClosed) << "three say too little";
  end_one(kSucceeded);
  EXPECT_EQ(state(), kClosed) << "a success never opens it";
  end_one(kFailed);
  EXPECT_EQ(state(), kOpen);
  EXPECT_EQ(breaker_.openings(), 1U);
}

TEST_F(Breaker, ForgetsWhatHappenedBeforeTheWindow) {
  for (int i = 0; i < 3; ++i) end_one(kFailed);
  clock_.advance(milliseconds(1'000));
  end_one(kFailed);
  EXPECT_EQ(state(), kClosed);
}

TEST_F(Breaker, RefusesAtOnceWhileOpenAndSaysWhenItWillTryAgain) {
  open();
  clock_.advance(milliseconds(100));
  const auto refused = breaker_.admit(clock_.now());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kBreakerOpen);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(refused.error().retry_after(), milliseconds(400));
}

TEST_F(Breaker, LetsAFewProbesThroughAndClosesWhenTheySucceed) {
  open();
  clock_.advance(milliseconds(500));
  EXPECT_EQ(state(), kHalfOpen);
  const auto first = breaker_.admit(clock_.now());
  const auto second = breaker_.admit(clock_.now());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(breaker_.admit(clock_.now()).error().code(), kBreakerOpen) << "two probes are enough";
  breaker_.ended(*first, kSucceeded, clock_.now());
  EXPECT_EQ(state(), kHalfOpen);
  breaker_.ended(*second, kSucceeded, clock_.now());
  EXPECT_EQ(state(), kClosed);
}

TEST_F(Breaker, OpensAgainWhenAProbeFailsAndGivesThePlaceOfACancelledOneToAnother) {
  open();
  clock_.advance(milliseconds(500));
  const auto first = breaker_.admit(clock_.now());
  const auto second = breaker_.admit(clock_.now());
  breaker_.ended(*first, kNeither, clock_.now());
  const auto third = breaker_.admit(clock_.now());
  ASSERT_TRUE(third.has_value());
  breaker_.ended(*third, kFailed, clock_.now());
  EXPECT_EQ(state(), kOpen);
  breaker_.ended(*second, kSucceeded, clock_.now());
  EXPECT_EQ(state(), kOpen) << "the outcome of an earlier period";
  EXPECT_EQ(breaker_.openings(), 2U);
}

TEST(CircuitBreaker, CountsOnlyWhatIsNotTheClientsDoing) {
  EXPECT_EQ(outcome_of(Error(engines::kStepFailed, "")), kFailed);
  EXPECT_EQ(outcome_of(Error(kInternalError, "")), kFailed);
  EXPECT_EQ(outcome_of(Error(kCancelledByCaller, "")), kNeither);
  EXPECT_EQ(outcome_of(Error(kDeadlinePassed, "")), kNeither);
  EXPECT_EQ(outcome_of(Error(kOverloaded, "")), kNeither);
  EXPECT_EQ(outcome_of(Error(kShuttingDown, "")), kNeither);
  EXPECT_EQ(outcome_of(Error(kPromptTooLong, "")), kNeither);
  EXPECT_EQ(outcome_of(Error(engines::kRunFailed, "")), kNeither) << "two inputs that do not fit each other are the sender's";
}

TEST(CircuitBreaker, AgreesWithARecordOfEverythingThatHappened) {
  EXPECT_TRUE(rc::check("breaker against a naive model", [] {
    VirtualClock clock;
    CircuitBreaker breaker(kOptions);
    struct Ended {
      std::int64_t part;
      bool failed;
    };
    std::vector<Ended> history;  // of the closed period
    std::vector<CircuitBreaker::Pass> passes;
    std::size_t first_of_period = 0;  // passes before are of earlier periods
    BreakerState state = kClosed;
    Instant opened;
    std::uint32_t running = 0;
    std::uint32_t succeeded = 0;
    const auto enter = [&](BreakerState next) {
      state = next;
      history.clear();
      first_of_period = passes.size();
      running = succeeded = 0;
      opened = clock.now();
    };
    const auto part = [&] { return clock.now().time_since_epoch() / milliseconds(100); };
    const int steps = *rc::gen::inRange(1, 120);
    for (int step = 0; step < steps; ++step) {
      clock.advance(milliseconds(*rc::gen::inRange(0, 60)));
      if (*rc::gen::arbitrary<bool>()) {
        if (state == kOpen && clock.now() - opened >= kOptions.open_for) enter(kHalfOpen);
        const auto pass = breaker.admit(clock.now());
        const bool passes_naively = state == kClosed || (state == kHalfOpen && running + succeeded < kOptions.probes_max);
        RC_ASSERT(pass.has_value() == passes_naively);
        if (pass) passes.push_back(*pass);
        if (pass && state == kHalfOpen) ++running;
        if (!pass) RC_ASSERT(pass.error().retry_after() <= kOptions.open_for);
      } else if (!passes.empty()) {
        const auto at = *rc::gen::inRange<std::size_t>(0, passes.size());
        const auto outcome = *rc::gen::element(kSucceeded, kFailed, kFailed, kNeither);
        const auto pass = passes[at];
        const bool counts = at >= first_of_period;
        passes.erase(passes.begin() + static_cast<std::ptrdiff_t>(at));
        if (!counts) --first_of_period;
        breaker.ended(pass, outcome, clock.now());
        if (counts && state == kHalfOpen) {
          --running;
          if (outcome == kFailed) enter(kOpen);
          if (outcome == kSucceeded && ++succeeded == kOptions.probes_max) enter(kClosed);
        } else if (counts && state == kClosed && outcome != kNeither) {
          history.push_back({part(), outcome == kFailed});
          std::erase_if(history, [&](const Ended& one) { return one.part <= part() - 10; });
          const auto failed = static_cast<std::size_t>(std::ranges::count(history, true, &Ended::failed));
          if (outcome == kFailed && history.size() >= kOptions.requests_min && 2 * failed >= history.size()) enter(kOpen);
        }
      }
      const bool due = state == kOpen && clock.now() - opened >= kOptions.open_for;
      RC_ASSERT(breaker.state(clock.now()) == (due ? kHalfOpen : state));
    }
  }));
}

}  // namespace
}  // namespace forebay::scheduling
