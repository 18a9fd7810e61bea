#include "engines/onnx/run_watch.h"

#include "base/executor.h"

namespace forebay::engines {

RunWatch& RunWatch::of_process() {
  static RunWatch watch;
  return watch;
}

RunWatch::RunWatch() : thread_([this] { work(); }) {}

RunWatch::~RunWatch() {
  {
    auto state = state_.lock();
    state->closed = true;
    changed_.notify_one();
  }
  thread_.join();
}

RunWatch::Entry::Entry(RunWatch& watch, OrtRunOptions* options, Instant until)
    : watch_(watch), key_([&] {
        auto state = watch.state_.lock();
        const std::pair key(until, ++state->serial);
        state->entries.emplace(key, options);
        // Later times are found when the thread wakes for an earlier one: with one limit for all runs it is woken once in that time.
        if (until < state->wakes_at) {
          state->stirred = true;
          watch.changed_.notify_one();
        }
        return key;
      }()) {}

RunWatch::Entry::~Entry() {
  auto state = watch_.state_.lock();
  state->entries.erase(key_);
}

void RunWatch::work() {
  name_this_thread("run watch");
  const SystemClock clock;
  auto state = state_.lock();
  const auto must_look = [](const State& now) { return now.stirred || now.closed; };
  while (!state->closed) {
    state->stirred = false;
    const Instant now = clock.now();
    auto& entries = state->entries;
    while (!entries.empty() && entries.begin()->first.first <= now) {
      const Ort::Status ignored(Ort::GetApi().RunOptionsSetTerminate(entries.begin()->second));
      entries.erase(entries.begin());
    }
    state->wakes_at = entries.empty() ? Instant::max() : entries.begin()->first.first;
    if (entries.empty())
      state.wait(changed_, must_look);
    else
      state.wait_until(changed_, state->wakes_at, must_look);
  }
}

}  // namespace forebay::engines
