// Ends the process when taking the server down does not end by itself: the load or the run of a model may never return.
// Threads: shared; one thread of its own. Owner: serve, which makes it first, so that it is taken down last.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>
#include <thread>

#include "base/synchronized.h"

namespace forebay::cli {

class LastResort {
 public:
  // `end` is called on the own thread at the deadline, at most once.
  explicit LastResort(std::function<void()> end);
  // No call begins after this.
  ~LastResort();
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;

  // Sets the deadline, or brings it forward; never puts it off.
  void arm(std::chrono::milliseconds after);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct State {
    std::optional<Time> deadline;
    bool done = false;
  };
  void wait();

  const std::function<void()> end_;
  Synchronized<State> state_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace forebay::cli
