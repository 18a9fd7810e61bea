#include "engines/llama/compute_lane.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/machine.h"
#include "base/synchronized.h"

namespace forebay::engines {

struct ComputeLane::State {
  std::mutex turn;
  std::binary_semaphore begin{0};
  std::binary_semaphore done{0};
  const std::function<void()>* work = nullptr;  // null: end
  std::jthread thread;                          // last: it uses what stands above

  void loop() {
    name_this_thread("compute");
    for (begin.acquire(); work != nullptr; begin.acquire()) {
      (*work)();
      done.release();
    }
  }
};

ComputeLane::ComputeLane() : state_(std::make_unique<State>()) {
  state_->thread = std::jthread([state = state_.get()] { state->loop(); });
}

ComputeLane::~ComputeLane() {
  state_->work = nullptr;
  state_->begin.release();
}

void ComputeLane::run(const std::function<void()>& work) {
  const std::lock_guard turn(state_->turn);
  state_->work = &work;
  state_->begin.release();
  state_->done.acquire();
}

std::shared_ptr<ComputeLane> ComputeLane::take(std::size_t threads) {
  static Synchronized<std::map<std::size_t, std::vector<std::weak_ptr<ComputeLane>>>> lanes_by_threads;
  auto all = lanes_by_threads.lock();
  auto& lanes = (*all)[threads];
  std::erase_if(lanes, [](const auto& lane) { return lane.expired(); });
  if (lanes.size() < std::max<std::size_t>(1, usable_cores() / std::max<std::size_t>(1, threads))) {
    auto made = std::make_shared<ComputeLane>();
    lanes.push_back(made);
    return made;
  }
  return std::ranges::min_element(lanes, {}, [](const auto& lane) { return lane.use_count(); })->lock();
}

void run_on_passing_thread(const std::function<void()>& work) { std::jthread(work).join(); }

}  // namespace forebay::engines
