#include "scheduling/step_watch.h"

namespace forebay::scheduling {

CancelToken StepWatch::begin(std::uint64_t abortable) {
  auto state = state_.lock();
  // One token serves many steps; only a used one is replaced.
  if (state->abort.cancelled() && !state->stopped) state->abort = CancelToken();
  state->abortable = abortable;
  if (clock_ != nullptr) began_ = clock_->now().time_since_epoch().count();
  return state->abort;
}

void StepWatch::end() {
  auto state = state_.lock();
  state->abortable = kNobody;
  began_ = kNotRunning;
}

std::optional<Instant> StepWatch::running_since() const {
  const Instant::rep began = began_;
  return began == kNotRunning ? std::nullopt : std::optional(Instant(Instant::duration(began)));
}

void StepWatch::note_cancelled(std::uint64_t serial) {
  auto state = state_.lock();
  if (state->abortable != serial) return;
  const CancelToken abort = state->abort;
  state.unlock();
  abort.cancel(CancelReason::kSuperseded);
}

void StepWatch::stop() {
  auto state = state_.lock();
  state->stopped = true;
  const CancelToken abort = state->abort;
  state.unlock();
  abort.cancel(CancelReason::kShutdown);
}

}  // namespace forebay::scheduling
