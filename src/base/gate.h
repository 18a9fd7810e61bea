// Counts who is inside, and closes: shutdown shuts the gate, then waits until the last one has left.
// Threads: shared. Owner: whoever must outlive those inside; the destructor checks that nobody is.
#pragma once

#include <cassert>
#include <condition_variable>
#include <cstddef>
#include <utility>

#include "base/clock.h"
#include "base/errors.h"
#include "base/result.h"
#include "base/synchronized.h"

namespace forebay {

class Gate {
 public:
  Gate() = default;
  ~Gate() { assert(inside() == 0); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Held while inside.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    friend Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Gate* gate_ = nullptr;
  };

  // kShuttingDown once closed.
  Result<Pass> enter() {
    auto state = state_.lock();
    if (state->closed) return fail(kShuttingDown, "the server takes no new work");
    ++state->inside;
    return Pass(this);
  }
  void close() {
    auto state = state_.lock();
    state->closed = true;
  }
  // Closes and waits until nobody is inside; false when `until` came first.
  bool close_and_wait_until(Instant until) {
    auto state = state_.lock();
    state->closed = true;
    return state.wait_until(left_, until, [](const State& now) { return now.inside == 0; });
  }
  std::size_t inside() const {
    return state_.read([](const State& now) { return now.inside; });
  }
  bool closed() const {
    return state_.read([](const State& now) { return now.closed; });
  }

 private:
  struct State {
    std::size_t inside = 0;
    bool closed = false;
  };
  void leave() {
    auto state = state_.lock();
    --state->inside;
    // Under the lock: the one who waits may destroy the gate as soon as it is free.
    left_.notify_all();
  }

  Synchronized<State> state_;
  std::condition_variable left_;
};

}  // namespace forebay
