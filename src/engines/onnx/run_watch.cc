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
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

RunWatch::Entry::Entry(RunWatch& watch, OrtRunOptions* options, Instant until)
    : watch_(watch), key_([&] {
        const std::lock_guard lock(watch.mutex_);
        const std::pair key(until, ++watch.serial_);
        watch.entries_.emplace(key, options);
        // Later times are found when the thread wakes for an earlier one: with one limit for all runs it is woken once in that time.
        if (until < watch.wakes_at_) watch.changed_.notify_one();
        return key;
      }()) {}

RunWatch::Entry::~Entry() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.entries_.erase(key_);
}

void RunWatch::work() {
  name_this_thread("run watch");
  const SystemClock clock;
  std::unique_lock lock(mutex_);
  while (!closed_) {
    const Instant now = clock.now();
    while (!entries_.empty() && entries_.begin()->first.first <= now) {
      const Ort::Status ignored(Ort::GetApi().RunOptionsSetTerminate(entries_.begin()->second));
      entries_.erase(entries_.begin());
    }
    wakes_at_ = entries_.empty() ? Instant::max() : entries_.begin()->first.first;
    if (entries_.empty())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, wakes_at_);
  }
}

}  // namespace forebay::engines
