// How the threads that compute a step wait for each other: spinning, or asleep.
//   A step has hundreds of barriers. With a core for every thread, spinning is fastest (0.40 ms a token against 0.83 asleep, 2 M
//   parameters,
// 2 cores). When other work takes the cores, a thread spins for its whole share of time while the one it waits for has no core: at load 8
// the same 200 tokens took 12.8 s spinning, 0.2 s asleep and 0.47 s with one thread. So teams spin until a step stalls, then they sleep
// for a while, which gets longer each time that spinning stalls again at once.
//   libgomp spins less while it has more threads than cores, and it is told at its start that less is not at all. A team that does nothing
// makes the difference, while teams that compute are to sleep. ADR: docs/adr/0014-teams-that-spin-or-sleep.md.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>

#include "base/clock.h"
#include "base/synchronized.h"

namespace forebay::engines {

// What steps of one session take when nothing is in their way, by their number of tokens.
// Threads: confined to the session's. Owner: the session.
class StepTimes {
 public:
  // A step of so many tokens that takes longer has stalled. Duration::max() while that is unknown.
  Duration stalled_after(std::size_t tokens) const;
  void note(std::size_t tokens, Duration took);

 private:
  static std::size_t bucket_of(std::size_t tokens);
  std::array<Duration, std::numeric_limits<std::size_t>::digits + 1> best_{};  // zero: unknown. By the number of binary digits.
};

// Whether the teams of this process spin, from what steps of all sessions report.
// Threads: shared. Owner: team_waiting(), or a test.
class TeamWaiting {
 public:
  static constexpr Duration kSleepMin = std::chrono::milliseconds(50);
  static constexpr Duration kSleepMax = std::chrono::seconds(5);

  // `sleep` is called with true when teams are to sleep, with false when they are to spin again. Must not block.
  explicit TeamWaiting(std::function<void(bool)> sleep) : sleep_(std::move(sleep)) {}
  // A kind of step whose time is not known yet cannot be seen to stall: teams sleep for it.
  void begin_step(Instant now, bool is_known);
  void note_stall(Instant now);
  bool sleeps() const { return sleeps_.load(std::memory_order_relaxed); }

 private:
  const std::function<void(bool)> sleep_;
  std::atomic<bool> sleeps_{false};
  struct Times {
    Instant changed{};
    Duration pause = kSleepMin;
  };
  Synchronized<Times> times_;  // locked to change sleeps_ too
};

// The process's own. Spins for ever where ggml computes without libgomp, or the environment says how its threads wait.
TeamWaiting& team_waiting();
// Before libgomp is loaded: threads beyond the number of cores are to make it sleep.
void prepare_team_waiting();

}  // namespace forebay::engines
