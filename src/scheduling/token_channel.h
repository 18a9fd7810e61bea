// A bounded channel of token events, from the engine thread to the request's loop thread.
// Threads: shared: one producer, one consumer. Owner: both ends hold it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "base/synchronized.h"
#include "scheduling/request.h"

namespace forebay::scheduling {

class TokenChannel {
 public:
  using OnEnd = std::move_only_function<void(const TokenEvent&)>;
  // `on_end` is called with the last event, once, before the consumer can see it; on the producer's thread, under no lock.
  explicit TokenChannel(std::size_t events_max, OnEnd on_end = {}) : events_max_(events_max), on_end_(std::move(on_end)) {}

  // False when full: the reader is too slow, and the producer ends the request. The last event (kFinished, kFailed) always fits.
  bool push(TokenEvent event);
  // The oldest event, or nothing now.
  std::optional<TokenEvent> try_pop();
  // Waits for an event; nothing when `until` comes first.
  std::optional<TokenEvent> pop_until(Instant until);
  // Called after every push, on the producer's thread; must not block or throw. Called at once if something is already there.
  // Setting an empty function waits for a call in progress.
  void on_ready(std::function<void()> ready);

 private:
  struct State {
    std::deque<TokenEvent> events;
    bool ended = false;
  };
  static std::optional<TokenEvent> take(State& state);
  const std::size_t events_max_;
  OnEnd on_end_;  // the producer's
  Synchronized<State> state_;
  Synchronized<std::function<void()>> ready_;
  std::condition_variable changed_;
};

}  // namespace forebay::scheduling
