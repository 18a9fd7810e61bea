#include "cli/last_resort.h"

#include "base/executor.h"

namespace forebay::cli {

LastResort::LastResort(std::function<void()> end) : end_(std::move(end)), thread_([this] { wait(); }) {}

LastResort::~LastResort() {
  {
    auto state = state_.lock();
    state->done = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LastResort::arm(std::chrono::milliseconds after) {
  const Time deadline = std::chrono::steady_clock::now() + after;
  {
    auto state = state_.lock();
    if (state->deadline && *state->deadline <= deadline) return;
    state->deadline = deadline;
  }
  changed_.notify_all();
}

void LastResort::wait() {
  name_this_thread("last-resort");
  auto state = state_.lock();
  state.wait(changed_, [](const State& now) { return now.done || now.deadline; });
  while (!state->done) {
    const Time deadline = *state->deadline;
    const bool changed = state.wait_until(changed_, deadline, [&](const State& now) { return now.done || *now.deadline < deadline; });
    if (changed) continue;
    state.unlock();
    return end_();
  }
}

}  // namespace forebay::cli
