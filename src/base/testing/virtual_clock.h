// A clock that moves only when a test says so.
// Threads: shared. Owner: the test.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace forebay {

class VirtualClock final : public Clock {
 public:
  Instant now() const override { return Instant(Duration(elapsed_.load())); }
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(Duration(elapsed_.load())));
  }
  void advance(Duration by) { elapsed_ += by.count(); }

 private:
  std::atomic<Duration::rep> elapsed_{std::chrono::duration_cast<Duration>(std::chrono::hours(24)).count()};
};

}  // namespace forebay
