#include "scheduling/worker_health.h"

#include <algorithm>

namespace forebay::scheduling {

std::string_view name_of(WorkerState state) {
  switch (state) {
    case WorkerState::kHealthy:
      return "healthy";
    case WorkerState::kSuspect:
      return "suspect";
    case WorkerState::kRemoved:
      return "removed";
    case WorkerState::kProbation:
      return "probation";
  }
  return "removed";
}

WorkerState WorkerHealth::state(Instant now, std::optional<Instant> running_since) const {
  return running_since && stalled(*running_since, now) ? WorkerState::kRemoved : state_;
}

void WorkerHealth::step_returned(Instant began, Instant now) {
  if (!stalled(began, now) || state_ == WorkerState::kRemoved) return;
  state_ = WorkerState::kProbation;
  proven_steps_ = 0;
}

void WorkerHealth::step_succeeded(Instant began, Instant now) {
  const bool late = stalled(began, now);
  step_returned(began, now);
  failures_ = 0;
  last_failed_ = 0;
  if (state_ == WorkerState::kRemoved || late) return;
  if (state_ == WorkerState::kProbation && ++proven_steps_ < options_.probation_steps) return;
  state_ = WorkerState::kHealthy;
  losses_in_a_row_ = 0;
}

bool WorkerHealth::step_failed(std::uint64_t request, Instant began, Instant now) {
  step_returned(began, now);
  if (state_ == WorkerState::kRemoved || request == last_failed_) return false;
  last_failed_ = request;
  const bool on_probation = state_ == WorkerState::kProbation;
  state_ = on_probation ? state_ : WorkerState::kSuspect;
  if (++failures_ < options_.failures_in_a_row_max && !on_probation) return false;
  session_lost(now);
  return true;
}

void WorkerHealth::session_lost(Instant now) {
  state_ = WorkerState::kRemoved;
  // Doubling, bounded; the shift is bounded before it can overflow.
  const auto doublings = std::min<std::uint32_t>(losses_in_a_row_++, 30);
  const auto delay = std::min<std::chrono::milliseconds>(options_.restart_delay_max, options_.restart_delay_min * (1LL << doublings));
  restart_at_ = now + delay;
}

void WorkerHealth::session_opened() {
  restart_at_.reset();
  ++restarts_;
  failures_ = 0;
  last_failed_ = 0;
  proven_steps_ = 0;
  state_ = WorkerState::kProbation;
}

}  // namespace forebay::scheduling
