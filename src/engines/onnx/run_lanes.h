// Runs the parts of one piece of work on several threads at once; the calling thread is one of them.
// Threads: run() by one thread at a time. Owner: an EncoderSession.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "base/executor.h"

namespace forebay::engines {

class RunLanes {
 public:
  explicit RunLanes(std::size_t threads);
  // Calls `part(i)` for every i below `parts`, in order of starting, and returns when all have ended. `part` must not throw.
  void run(std::size_t parts, const std::function<void(std::size_t)>& part);

 private:
  std::size_t threads_;
  std::unique_ptr<ThreadPool> pool_;  // null with one thread
};

}  // namespace forebay::engines
