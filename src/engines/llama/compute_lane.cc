#include "engines/llama/compute_lane.h"

#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/machine.h"
#include "base/synchronized.h"

namespace forebay::engines {

namespace {

// The team of the calling thread. The library that has it came with ggml's own; where ggml computes without it, there is none.
void end_team_of_this_thread() {
  using Pause = int (*)(int);
  constexpr int kSoft = 1;  // omp_pause_soft
  static const auto kPause = [] {
    void* openmp = ::dlopen("libgomp.so.1", RTLD_NOLOAD | RTLD_LAZY);
    return openmp == nullptr ? nullptr : reinterpret_cast<Pause>(::dlsym(openmp, "omp_pause_resource_all"));
  }();
  if (kPause != nullptr) kPause(kSoft);
}

class LaneThread {
 public:
  LaneThread()
      : thread_([this] {
          name_this_thread("compute");
          for (begin_.acquire(); work_ != nullptr; begin_.acquire()) {
            (*work_)();
            done_.release();
          }
        }) {}
  // Ends with its thread, and so does the library's team.
  ~LaneThread() {
    work_ = nullptr;
    begin_.release();
  }
  void run(const std::function<void()>& work) {
    work_ = &work;
    begin_.release();
    done_.acquire();
  }

 private:
  std::binary_semaphore begin_{0};
  std::binary_semaphore done_{0};
  const std::function<void()>* work_ = nullptr;  // null: end
  std::jthread thread_;                          // last: it uses what stands above
};

}  // namespace

struct ComputeSeat::Lane {
  std::mutex turn;
  std::size_t busy = 0;                // seats
  std::unique_ptr<LaneThread> thread;  // while several are
};

std::unique_ptr<ComputeSeat> ComputeSeat::take(std::size_t threads) {
  static Synchronized<std::map<std::size_t, std::vector<std::weak_ptr<Lane>>>> lanes_by_threads;
  auto all = lanes_by_threads.lock();
  auto& lanes = (*all)[threads];
  std::vector<std::shared_ptr<Lane>> alive;  // for as long as one is chosen: others give up their seats meanwhile
  for (const auto& lane : lanes) {
    if (auto held = lane.lock()) alive.push_back(std::move(held));
  }
  if (alive.size() < std::max<std::size_t>(1, usable_cores() / std::max<std::size_t>(1, threads)))
    alive.push_back(std::make_shared<Lane>());
  lanes.assign(alive.begin(), alive.end());
  return std::unique_ptr<ComputeSeat>(new ComputeSeat(*std::ranges::min_element(alive, {}, &std::shared_ptr<Lane>::use_count)));
}

ComputeSeat::~ComputeSeat() { rest(); }

void ComputeSeat::run(const std::function<void()>& work) {
  const SystemClock clock;
  const Instant asked = clock.now();
  const std::lock_guard turn(lane_->turn);
  waited_ = clock.now() - asked;
  if (!std::exchange(is_busy_, true)) ++lane_->busy;
  if (lane_->busy == 1) {
    lane_->thread.reset();
    has_team_ = true;
    return work();
  }
  end_team();
  if (!lane_->thread) lane_->thread = std::make_unique<LaneThread>();
  lane_->thread->run(work);
}

void ComputeSeat::rest() {
  if (!is_busy_) return;
  const std::lock_guard turn(lane_->turn);
  is_busy_ = false;
  --lane_->busy;
  end_team();
}

void ComputeSeat::end_team() {
  if (std::exchange(has_team_, false)) end_team_of_this_thread();
}

void run_on_passing_thread(const std::function<void()>& work) { std::jthread(work).join(); }

}  // namespace forebay::engines
