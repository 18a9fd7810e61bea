// Bounds how much work is done twice: every request pays a share of a token in, every retry takes a whole one out, and a few come by
// themselves so that an idle server may retry too. So a broken engine cannot double the load. After Finagle's RetryBudget (a share of
// requests and a minimum a second) and gRPC's retry throttling (A6: a bounded number of tokens).
// Threads: confined to its owner's lock; no clock. Owner: WorkerPool.
#pragma once

#include <algorithm>

#include "base/clock.h"
#include "scheduling/scheduling_options.h"

namespace forebay::scheduling {

class RetryBudget {
 public:
  explicit RetryBudget(const RetryOptions& options) : options_(options), tokens_(options.burst_max) {}

  void note_request() { tokens_ = std::min(tokens_ + options_.request_share, limit()); }
  // Takes a token; false when there is none.
  bool take(Instant now) {
    const auto passed = last_ == Instant{} || now < last_ ? Duration::zero() : now - last_;
    last_ = std::max(last_, now);
    tokens_ = std::min(tokens_ + options_.per_second_min * std::chrono::duration<double>(passed).count(), limit());
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double limit() const { return options_.burst_max; }

  const RetryOptions options_;
  double tokens_;  // full at first
  Instant last_{};
};

}  // namespace forebay::scheduling
