#include "scheduling/circuit_breaker.h"

#include <algorithm>

#include "scheduling/errors.h"

namespace forebay::scheduling {

std::string_view name_of(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kOpen:
      return "open";
    case BreakerState::kHalfOpen:
      return "half_open";
  }
  return "closed";
}

RequestOutcome outcome_of(const Error& error) {
  const bool ours = error.kind() == ErrorKind::kInternal || error.kind() == ErrorKind::kDataLoss;
  return ours ? RequestOutcome::kFailed : RequestOutcome::kNeither;
}

BreakerState CircuitBreaker::state(Instant now) const {
  return state_ == BreakerState::kOpen && now >= opened_ + options_.open_for ? BreakerState::kHalfOpen : state_;
}

Result<CircuitBreaker::Pass> CircuitBreaker::admit(Instant now) {
  if (state_ == BreakerState::kOpen) {
    if (now < opened_ + options_.open_for) return fail(refusal(opened_ + options_.open_for - now));
    enter(BreakerState::kHalfOpen);
  }
  if (state_ == BreakerState::kHalfOpen) {
    // When the probes will end is not known; by open_for something has changed.
    if (probes_running_ + probes_succeeded_ >= options_.probes_max) return fail(refusal(options_.open_for));
    ++probes_running_;
  }
  return Pass{period_};
}

void CircuitBreaker::ended(Pass pass, RequestOutcome outcome, Instant now) {
  if (pass.period != period_) return;
  if (state_ == BreakerState::kHalfOpen) {
    --probes_running_;
    if (outcome == RequestOutcome::kFailed) return open(now);
    if (outcome == RequestOutcome::kSucceeded && ++probes_succeeded_ >= options_.probes_max) enter(BreakerState::kClosed);
  } else if (state_ == BreakerState::kClosed && outcome != RequestOutcome::kNeither) {
    count(outcome == RequestOutcome::kFailed, now);
    if (outcome == RequestOutcome::kFailed && too_many_failed(now)) open(now);
  }
}

void CircuitBreaker::enter(BreakerState state) {
  state_ = state;
  ++period_;
  parts_.fill({});
  probes_running_ = 0;
  probes_succeeded_ = 0;
}

void CircuitBreaker::open(Instant now) {
  enter(BreakerState::kOpen);
  opened_ = now;
  ++openings_;
}

std::int64_t CircuitBreaker::part_of(Instant now) const {
  const auto length = std::max<Duration>(Duration(1), Duration(options_.window) / static_cast<int>(kParts));
  return now.time_since_epoch() / length;
}

void CircuitBreaker::count(bool failed, Instant now) {
  const std::int64_t number = part_of(now);
  Part& part = parts_[static_cast<std::size_t>(number) % kParts];
  if (part.number != number) part = Part{.number = number};
  ++part.ended;
  part.failed += failed;
}

bool CircuitBreaker::too_many_failed(Instant now) const {
  std::uint64_t ended = 0;
  std::uint64_t failed = 0;
  for (const Part& part : parts_) {
    if (part.number <= part_of(now) - static_cast<std::int64_t>(kParts)) continue;
    ended += part.ended;
    failed += part.failed;
  }
  return ended >= options_.requests_min && static_cast<double>(failed) >= options_.failure_share * static_cast<double>(ended);
}

Error CircuitBreaker::refusal(Duration wait) const {
  return Error(kBreakerOpen, "too many of the last requests to this model failed")
      .with_retry_after(std::chrono::ceil<std::chrono::milliseconds>(wait));
}

}  // namespace forebay::scheduling
