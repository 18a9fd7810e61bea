// Stops sending requests to a model that keeps failing, and finds out when it works again:
//   closed     everything passes; outcomes of the last `window` are counted in ten parts. requests_min of them of which failure_share
//              failed open it.
//   open       everything is refused at once, for `open_for`.
//   half-open  at most probes_max requests are under way; as many successes close it, one failure opens it again.
// After Nygard, "Release It!", and the breakers of Hystrix and resilience4j. Refusals, cancels, deadlines and the client's own errors are
// no outcomes: they only give a probe's place back. Threads: confined to its owner's lock; no clock. Owner: RunnerCore.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "scheduling/scheduling_options.h"

namespace forebay::scheduling {

enum class BreakerState : std::uint8_t { kClosed, kOpen, kHalfOpen };
std::string_view name_of(BreakerState state);  // "closed", "open", "half_open"

enum class RequestOutcome : std::uint8_t { kSucceeded, kFailed, kNeither };
// Only what an engine or Forebay itself did wrong is a failure; what one client sends must not open the breaker for all.
RequestOutcome outcome_of(const Error& error);

class CircuitBreaker {
 public:
  explicit CircuitBreaker(const BreakerOptions& options) : options_(options) {}

  // What a request that may pass carries until its outcome is told.
  struct Pass {
    std::uint64_t period = 0;
  };
  // kBreakerOpen, with the time until it will try again.
  Result<Pass> admit(Instant now);
  // Exactly once for every pass. Outcomes of requests that passed before the last change of state count for nothing.
  void ended(Pass pass, RequestOutcome outcome, Instant now);

  // An open breaker whose time has come is half-open.
  BreakerState state(Instant now) const;
  std::uint64_t openings() const { return openings_; }

 private:
  static constexpr std::size_t kParts = 10;
  struct Part {
    std::int64_t number = -1;  // which stretch of window / kParts since the clock's beginning
    std::uint32_t ended = 0;
    std::uint32_t failed = 0;
  };
  void enter(BreakerState state);
  void open(Instant now);
  void count(bool failed, Instant now);
  bool too_many_failed(Instant now) const;
  std::int64_t part_of(Instant now) const;
  Error refusal(Duration wait) const;

  const BreakerOptions options_;
  BreakerState state_ = BreakerState::kClosed;
  std::uint64_t period_ = 0;  // rises with every change of state
  std::array<Part, kParts> parts_{};
  Instant opened_{};
  std::uint32_t probes_running_ = 0;
  std::uint32_t probes_succeeded_ = 0;
  std::uint64_t openings_ = 0;
};

}  // namespace forebay::scheduling
