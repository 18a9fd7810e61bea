// The admission queue between submitters and workers, with the lock and the waking.
// Threads: shared. Owner: the runner; it outlives the workers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "base/errors.h"
#include "base/synchronized.h"
#include "scheduling/admission_queue.h"

namespace forebay::scheduling {

// Beside: what else the lock guards.
template <class Work, class Beside = std::monostate>
class SharedQueue {
 public:
  using Queue = AdmissionQueue<Work>;
  explicit SharedQueue(const AdmissionOptions& options, Beside beside = {}) : state_(State{Queue(options), std::move(beside)}) {}

  // As AdmissionQueue::push; kShuttingDown once closed. With `wakes` false no worker is woken: whoever pushes will look after it.
  Result<> push(Ticket ticket, Work&& work, Instant now, bool wakes = true) {
    TRY(insert(std::move(ticket), std::move(work), now, 1));
    if (wakes) wake();
    return {};
  }
  // The same without a worker that looks at it.
  Result<> insert(Ticket ticket, Work&& work, Instant now, std::uint64_t changes = 0) {
    bool watch_sleeps_too_long = false;
    {
      auto state = state_.lock();
      if (state->closed) return fail(kShuttingDown, "the model takes no new work");
      TRY(state->queue.push(std::move(ticket), std::move(work), now));
      state->changes += changes;
      const auto deadline = state->queue.next_deadline();
      watch_sleeps_too_long = state->watch_waits && (!state->watched_until || *deadline < *state->watched_until);
      size_ = state->queue.size();
    }
    if (watch_sleeps_too_long) watch_.notify_all();
    return {};
  }

  void wake() { changed_.notify_one(); }
  void wake_all() { changed_.notify_all(); }

  // `look(queue, beside)` under the lock: decide there, act outside.
  template <class Look>
  auto with(Look look) {
    auto state = state_.lock();
    auto seen = look(state->queue, state->beside);
    size_ = state->queue.size();
    return seen;
  }
  // `look(beside)` under the lock.
  template <class Look>
  auto read(Look look) const {
    return state_.read([&](const State& now) { return look(now.beside); });
  }
  void finished(Instant now) {
    auto state = state_.lock();
    state->queue.finished(now);
  }
  // A token was cancelled: the watch looks for its request, and every worker looks around.
  void note_cancelled() {
    change([](State& state) {
      state.queue.note_cancelled();
      ++state.cancels;
    });
    watch_.notify_all();
  }
  // Something beside the queue changed that decides which worker takes what: every worker looks around.
  void nudge() {
    change([](State&) {});
  }
  // No more pushes; every wait ends.
  void close() {
    change([](State& state) { state.closed = true; });
    watch_.notify_all();
  }

  // A worker that found nothing to do waits for a change after `seen`; returns the count of changes now.
  std::uint64_t changes() const {
    return state_.read([](const State& now) { return now.changes; });
  }
  std::uint64_t wait(std::uint64_t seen, std::optional<Instant> until = {}) {
    wait_for([seen](std::uint64_t changes, const Beside&) { return changes != seen; }, until);
    return changes();
  }
  // Waits until ready(changes, beside), until `until` at most.
  template <class Ready>
  void wait_for(Ready ready, std::optional<Instant> until) {
    auto state = state_.lock();
    state.wait(changed_, until, [&](const State& now) { return ready(now.changes, now.beside); });
  }
  bool closed() const {
    return state_.read([](const State& now) { return now.closed; });
  }
  // Without the lock; may be a moment old.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool accepting() const {
    return state_.read([](const State& now) { return !now.closed && now.queue.accepting(); });
  }

  // Waits until an entry may have died (cancelled, or its deadline came), or the queue is closed; for one watching thread.
  void wait_for_deaths(std::uint64_t& seen_cancels) {
    auto state = state_.lock();
    state->watched_until = state->queue.next_deadline();
    state->watch_waits = true;
    const auto died = [&](const State& now) {
      const auto next = now.queue.next_deadline();
      return now.closed || now.cancels != seen_cancels || (next && (!now.watched_until || *next < *now.watched_until));
    };
    state.wait(watch_, state->watched_until, died);
    state->watch_waits = false;
    seen_cancels = state->cancels;
  }

 private:
  struct State {
    Queue queue;
    Beside beside;
    bool closed = false;
    std::uint64_t changes = 0;
    std::uint64_t cancels = 0;
    bool watch_waits = false;
    std::optional<Instant> watched_until;
  };
  template <class Change>
  void change(Change change) {
    {
      auto state = state_.lock();
      change(*state);
      ++state->changes;
    }
    changed_.notify_all();
  }

  Synchronized<State> state_;
  std::condition_variable changed_;
  std::condition_variable watch_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace forebay::scheduling
