// A clock that moves only when a test says so.
// Threads: shared. Owner: the test.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace forebay {

class VirtualClock final : public Clock {
 public:
  // A day later than the machine's clock: what waits for one of these instants by that clock does not return before a test ends, however
  // long the machine has been up.
  Instant now() const override { return start_ + Duration(elapsed_.load()); }
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::hours(24) + Duration(elapsed_.load())));
  }
  void advance(Duration by) { elapsed_ += by.count(); }

 private:
  const Instant start_ = SystemClock().now() + std::chrono::hours(24);
  std::atomic<Duration::rep> elapsed_{0};
};

}  // namespace forebay
