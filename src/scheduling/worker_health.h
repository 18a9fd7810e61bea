// Whether a worker may be given requests, told from what happens to it:
//
//   healthy ──a request failed alone──► suspect ──failures_in_a_row_max of different requests, no success between──► removed
//      ▲ ▲                                 │                                                                           │
//      │ └──────────a step succeeded───────┘                     restarted (delay doubles with every failure in a row) │
//      └──────── probation_steps steps succeeded ──────────── probation ◄─────────────────────────────────────────────┘
//
// On probation one failure removes it again. A step that takes longer than step_stalled_after removes it until the step returns, then it is
// on probation, without a restart. Threads: confined to its owner's lock; no clock, every call is told the time. Owner: a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "scheduling/scheduling_options.h"

namespace forebay::scheduling {

enum class WorkerState : std::uint8_t { kHealthy, kSuspect, kRemoved, kProbation };
std::string_view name_of(WorkerState state);  // "healthy", "suspect", "removed", "probation"

class WorkerHealth {
 public:
  explicit WorkerHealth(const HealthOptions& options) : options_(options) {}

  // A step that began at `began` has ended.
  void step_succeeded(Instant began, Instant now);
  // Aborted, or there were no cells: says nothing about the worker, but it returned.
  void step_returned(Instant began, Instant now);
  // The step of this request alone failed. True when the worker is removed by it: its session is to be reopened at restart_at().
  bool step_failed(std::uint64_t request, Instant began, Instant now);
  // The session is unusable, or could not be opened (again).
  void session_lost(Instant now);
  void session_opened();

  // `running_since`: when the step that is running began, if one is.
  WorkerState state(Instant now, std::optional<Instant> running_since) const;
  // Removed ones get nothing; those on probation are tried, one request at a time.
  bool in_rotation(Instant now, std::optional<Instant> running_since) const { return state(now, running_since) != WorkerState::kRemoved; }
  bool needs_restart() const { return restart_at_.has_value(); }
  std::optional<Instant> restart_at() const { return restart_at_; }
  std::uint32_t failures_in_a_row() const { return failures_; }
  std::uint64_t restarts() const { return restarts_; }

 private:
  bool stalled(Instant began, Instant now) const { return now - began > options_.step_stalled_after; }

  const HealthOptions options_;
  WorkerState state_ = WorkerState::kHealthy;
  std::uint32_t failures_ = 0;  // in a row, of different requests
  std::uint64_t last_failed_ = 0;
  std::uint32_t proven_steps_ = 0;     // since the probation began
  std::uint32_t losses_in_a_row_ = 0;  // since it was last healthy
  std::optional<Instant> restart_at_;
  std::uint64_t restarts_ = 0;
};

}  // namespace forebay::scheduling
