// The admission queue between submitters and workers, with the lock and the waking.
// Threads: shared. Owner: the runner; it outlives the workers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/errors.h"
#include "base/synchronized.h"
#include "scheduling/admission_queue.h"

namespace forebay::scheduling {

// Whom a new request wakes: one worker where any can take it, all where a router says whose it is.
enum class WorkerWaking : std::uint8_t { kOne, kAll };

// Beside: what else the lock guards.
template <class Work, class Beside = std::monostate>
class SharedQueue {
 public:
  using Queue = AdmissionQueue<Work>;
  explicit SharedQueue(const AdmissionOptions& options, WorkerWaking waking = WorkerWaking::kOne, Beside beside = {})
      : waking_(waking), state_(State(options, std::move(beside))) {}

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

  void wake() { waking_ == WorkerWaking::kAll ? changed_.notify_all() : changed_.notify_one(); }

  // `look(queue)` or `look(queue, beside)` under the lock: decide there, act outside.
  template <class Look>
  auto with(Look look) {
    auto state = state_.lock();
    const auto call = [&] {
      if constexpr (std::is_invocable_v<Look, Queue&, Beside&>)
        return look(state->queue, state->beside);
      else
        return look(state->queue);
    };
    auto seen = call();
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
  // Somebody's token was cancelled: the watch looks for it, and every worker looks around.
  void note_cancelled() {
    {
      auto state = state_.lock();
      state->queue.note_cancelled();
      ++state->changes;
      ++state->cancels;
    }
    changed_.notify_all();
    watch_.notify_all();
  }
  // Something beside the queue changed that decides who takes what: every worker looks around.
  void nudge() {
    {
      auto state = state_.lock();
      ++state->changes;
    }
    changed_.notify_all();
  }
  // No more pushes; every wait ends.
  void close() {
    {
      auto state = state_.lock();
      state->closed = true;
      ++state->changes;
    }
    changed_.notify_all();
    watch_.notify_all();
  }

  // A worker that found nothing to do waits for a change after `seen`, until `until` at most; returns the count of changes now.
  std::uint64_t changes() const {
    return state_.read([](const State& now) { return now.changes; });
  }
  std::uint64_t wait(std::uint64_t seen, std::optional<Instant> until = std::nullopt) {
    auto state = state_.lock();
    const auto changed = [seen](const State& now) { return now.changes != seen; };
    if (until)
      state.wait_until(changed_, *until, changed);
    else
      state.wait(changed_, changed);
    return state->changes;
  }
  // Waits until ready(changes, beside), until `until` at most.
  template <class Ready>
  void wait_for(Ready ready, std::optional<Instant> until) {
    auto state = state_.lock();
    const auto is_ready = [&](const State& now) { return ready(now.changes, now.beside); };
    if (until)
      state.wait_until(changed_, *until, is_ready);
    else
      state.wait(changed_, is_ready);
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
    if (state->watched_until)
      state.wait_until(watch_, *state->watched_until, died);
    else
      state.wait(watch_, died);
    state->watch_waits = false;
    seen_cancels = state->cancels;
  }

 private:
  struct State {
    State(const AdmissionOptions& options, Beside other) : queue(options), beside(std::move(other)) {}
    Queue queue;
    Beside beside;
    bool closed = false;
    std::uint64_t changes = 0;
    std::uint64_t cancels = 0;
    bool watch_waits = false;
    std::optional<Instant> watched_until;
  };
  const WorkerWaking waking_;
  Synchronized<State> state_;
  std::condition_variable changed_;
  std::condition_variable watch_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace forebay::scheduling
