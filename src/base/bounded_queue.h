// A queue with a maximum: a full one refuses at once, it never makes the pusher wait.
// Threads: shared. Owner: the consumer.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/result.h"
#include "base/synchronized.h"

namespace forebay {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t entries_max) : entries_max_(entries_max) {}

  // kQueueFull when full, kShuttingDown when closed; the item is untouched by a refusal.
  Result<> push(T&& item) {
    {
      auto state = state_.lock();
      if (state->closed) return fail(kShuttingDown, "the queue is closed");
      if (state->items.size() >= entries_max_) return fail(kQueueFull, "the queue is full");
      state->items.push_back(std::move(item));
    }
    changed_.notify_one();
    return {};
  }

  // Waits for an item; nothing once the queue is closed and empty.
  std::optional<T> pop() {
    auto state = state_.lock();
    state.wait(changed_, [](const State& now) { return now.closed || !now.items.empty(); });
    if (state->items.empty()) return std::nullopt;
    std::optional<T> item(std::move(state->items.front()));
    state->items.pop_front();
    return item;
  }

  // No more pushes; what is queued can still be popped.
  void close() {
    {
      auto state = state_.lock();
      state->closed = true;
    }
    changed_.notify_all();
  }
  std::size_t size() const {
    return state_.read([](const State& now) { return now.items.size(); });
  }

 private:
  struct State {
    std::deque<T> items;
    bool closed = false;
  };

  const std::size_t entries_max_;
  Synchronized<State> state_;
  std::condition_variable changed_;
};

}  // namespace forebay
