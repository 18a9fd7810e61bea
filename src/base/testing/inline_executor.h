// Runs posted work at once, on the caller's thread; or keeps it until the test runs it.
// Threads: confined to the test. Owner: the test.
#pragma once

#include <deque>
#include <utility>

#include "base/errors.h"
#include "base/executor.h"

namespace forebay {

class InlineExecutor final : public Executor {
 public:
  bool hold = false;    // keep tasks until run_all()
  bool refuse = false;  // answer kQueueFull

  Result<> post(std::move_only_function<void()> task) override {
    if (refuse) return fail(kQueueFull, "the executor was told to refuse");
    if (hold)
      held_.push_back(std::move(task));
    else
      task();
    return {};
  }
  void run_all() {
    while (!held_.empty()) {
      auto task = std::move(held_.front());
      held_.pop_front();
      task();
    }
  }

 private:
  std::deque<std::move_only_function<void()>> held_;
};

}  // namespace forebay
