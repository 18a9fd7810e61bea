// Runs posted work elsewhere. The request pool (milliseconds) and the background pool (seconds) are ThreadPools made in cli/serve.cc.
// Threads: shared. Owner: cli::serve.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/machine.h"
#include "base/result.h"

namespace forebay {

class Executor {
 public:
  virtual ~Executor() = default;
  // kQueueFull or kShuttingDown at once when it cannot be taken. A task that throws ends the process: post what cannot throw.
  virtual Result<> post(std::move_only_function<void()> task) = 0;
};

struct ThreadPoolOptions {
  std::string name;  // of the threads, at most 12 characters are visible
  std::size_t threads = 2;
  std::size_t queue_tasks_max = 1024;
};

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(const ThreadPoolOptions& options);
  // Closes, runs what is queued, joins.
  ~ThreadPool() override;
  Result<> post(std::move_only_function<void()> task) override;
  std::size_t queued() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Names the calling thread in debuggers and top(1); longer names are cut at 15 characters.
void name_this_thread(const std::string& name);

}  // namespace forebay
