#include "base/executor.h"

#include <pthread.h>

#include <thread>
#include <vector>

#include "base/bounded_queue.h"

namespace forebay {

struct ThreadPool::State {
  explicit State(std::size_t tasks_max) : tasks(tasks_max) {}
  BoundedQueue<std::move_only_function<void()>> tasks;
  std::vector<std::jthread> threads;
};

ThreadPool::ThreadPool(const ThreadPoolOptions& options) : state_(std::make_unique<State>(options.queue_tasks_max)) {
  for (std::size_t i = 0; i < options.threads; ++i) {
    state_->threads.emplace_back([&tasks = state_->tasks, name = options.name + "-" + std::to_string(i)] {
      name_this_thread(name);
      while (auto task = tasks.pop()) (*task)();
    });
  }
}

ThreadPool::~ThreadPool() {
  state_->tasks.close();
  state_->threads.clear();  // Joins.
}

Result<> ThreadPool::post(std::move_only_function<void()> task) { return state_->tasks.push(std::move(task)); }
std::size_t ThreadPool::queued() const { return state_->tasks.size(); }

void name_this_thread(const std::string& name) { pthread_setname_np(pthread_self(), name.substr(0, 15).c_str()); }

}  // namespace forebay
