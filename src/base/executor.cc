#include "base/executor.h"

#include <pthread.h>
#include <sched.h>

#include <cmath>
#include <fstream>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"

namespace forebay {

struct ThreadPool::State {
  explicit State(std::size_t tasks_max) : tasks(tasks_max) {}
  BoundedQueue<std::move_only_function<void()>> tasks;
  std::vector<std::jthread> threads;
};

ThreadPool::ThreadPool(ThreadPoolOptions options) : state_(std::make_unique<State>(options.queue_tasks_max)) {
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

namespace {
// cgroup v2: "max 100000" or "200000 100000" in cpu.max of the process's group.
std::size_t cores_of_cgroup(std::size_t fallback) {
  std::ifstream group_file("/proc/self/cgroup");
  std::string line;
  while (std::getline(group_file, line)) {
    if (!line.starts_with("0::")) continue;
    std::ifstream quota_file("/sys/fs/cgroup" + line.substr(3) + "/cpu.max");
    double quota = 0;
    double period = 0;
    if (quota_file >> quota >> period && period > 0) return static_cast<std::size_t>(std::max(1.0, std::floor(quota / period)));
  }
  return fallback;
}
}  // namespace

std::size_t usable_cores() {
  std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) cores = std::max(1, CPU_COUNT(&mask));
  return std::min(cores, cores_of_cgroup(cores));
}

}  // namespace forebay
