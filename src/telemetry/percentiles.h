// Percentiles of the last minute, in bounded memory, whatever the rate.
// Threads: shared. Owner: ModelMetrics; the clock must outlive it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"

namespace forebay::telemetry {

struct LatencySummary {
  std::uint64_t count = 0;  // in the window
  double per_second = 0;
  std::chrono::nanoseconds mean{0};
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p90{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds max{0};
};

struct PercentilesOptions {
  std::chrono::seconds window{60};
  std::size_t slices = 6;  // the window moves by one slice at a time
};

// Logarithmic buckets with 32 steps in each power of two, as in HdrHistogram: a percentile is at most 3.2 % too high and never too
// low. Durations up to 73 minutes; longer ones count as that. 5 KB a slice.
class Percentiles {
 public:
  explicit Percentiles(const Clock& clock, PercentilesOptions options = {});
  ~Percentiles();
  void record(std::chrono::nanoseconds duration);
  LatencySummary summary() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::telemetry
