// A cancel token: one side asks for an end with a reason, the other sees it between steps or is called back at once.
// Threads: shared. Owner: the request; copies share one state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace forebay {

enum class CancelReason : std::uint8_t { kNone, kClientGone, kDeadline, kShutdown, kSlowReader, kSuperseded };
std::string_view name_of(CancelReason reason);

class CancelToken {
 public:
  // A token that is never cancelled until cancel() is called on it or a copy of it.
  CancelToken();

  // The first reason wins; later calls change nothing. Runs the callbacks on the calling thread, after the state changed.
  void cancel(CancelReason reason) const;
  bool cancelled() const { return reason() != CancelReason::kNone; }
  CancelReason reason() const;
  // The error that a cancelled request ends with: cancelled, deadline_exceeded or shutting_down.
  Error error() const;

  // Keeps a callback registered while it lives. The destructor waits for a call that is running on another thread.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&&) noexcept;
    Subscription& operator=(Subscription&&) noexcept;
    ~Subscription();

   private:
    friend CancelToken;
    struct Entry;
    std::shared_ptr<Entry> entry_;
  };
  // Calls `then` once, with the reason: at once if already cancelled, else when it is. `then` must not throw or block.
  [[nodiscard]] Subscription on_cancel(std::function<void(CancelReason)> then) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace forebay
