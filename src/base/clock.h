// The time, injected: nothing in the house asks the system clock by itself.
// Threads: shared. Owner: cli::serve; tests own a VirtualClock.
#pragma once

#include <chrono>

namespace forebay {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic; for deadlines and durations.
  virtual Instant now() const = 0;
  // For people and logs only: it may jump.
  virtual std::chrono::system_clock::time_point wall() const = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace forebay
