// Lets a cancel on another thread end the step that is being computed, when that step is for nobody else.
// Threads: shared: begin() and end() on the engine thread, the rest anywhere. Owner: the runner, one for each loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/cancel.h"
#include "base/synchronized.h"

namespace forebay::scheduling {

class StepWatch {
 public:
  static constexpr std::uint64_t kNobody = 0;

  // Without a clock running_since() has no answer.
  explicit StepWatch(const Clock* clock = nullptr) : clock_(clock) {}

  // A step begins that the end of request `abortable` (a serial, or kNobody) makes worthless. Returns the token to compute it under.
  CancelToken begin(std::uint64_t abortable);
  void end();
  // The request with this serial was cancelled: aborts the step if it is the one for it.
  void note_cancelled(std::uint64_t serial);
  // Aborts this step and every later one.
  void stop();
  std::optional<Instant> running_since() const;  // takes no lock

 private:
  struct State {
    CancelToken abort;
    std::uint64_t abortable = kNobody;
    bool stopped = false;
  };
  const Clock* const clock_;
  Synchronized<State> state_;
  static constexpr Instant::rep kNotRunning = std::numeric_limits<Instant::rep>::min();
  std::atomic<Instant::rep> began_{kNotRunning};
};

}  // namespace forebay::scheduling
