#include "engines/llama/team_waiting.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/executor.h"
#include "base/processors.h"

namespace forebay::engines {

namespace {
// A step this many times slower than the best, and this much, has not only met a longer text.
constexpr int kStallFactor = 5;
constexpr Duration kStallMin = std::chrono::milliseconds(1);
constexpr int kForgetting = 128;  // the best time of a kind of step grows by this part with each, until it is met again

// Turns of the spinning loop, as libgomp sets it by itself: about three milliseconds.
constexpr const char* kSpinTurns = "300000";
bool waiting_is_ours = false;

// Has a team that does nothing while others are to sleep.
class IdleTeam {
 public:
  IdleTeam() : parallel_(symbol<Parallel>("GOMP_parallel")), pause_(symbol<Pause>("omp_pause_resource_all")) {
    if (parallel_ == nullptr || pause_ == nullptr || !waiting_is_ours) return;
    thread_ = std::jthread([this](const std::stop_token& stop) {
      name_this_thread("team waiting");
      keep(stop);
    });
  }
  void want(bool exists) {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = exists;
    }
    changed_.notify_one();
  }

 private:
  using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
  using Pause = int (*)(int);

  template <class Function>
  static Function symbol(const char* name) {
    void* library = ::dlopen("libgomp.so.1", RTLD_NOLOAD | RTLD_LAZY);
    return library == nullptr ? nullptr : reinterpret_cast<Function>(::dlsym(library, name));
  }

  void keep(const std::stop_token& stop) {
    constexpr int kSoft = 1;  // omp_pause_soft
    const auto threads = static_cast<unsigned>(std::max<std::size_t>(usable_processors().size(), std::thread::hardware_concurrency())) + 1;
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return wanted_ != exists_; })) {
      exists_ = wanted_;
      lock.unlock();
      if (exists_)
        parallel_([](void*) {}, nullptr, threads, 0);
      else
        pause_(kSoft);
      lock.lock();
    }
  }

  const Parallel parallel_;
  const Pause pause_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool wanted_ = false;
  bool exists_ = false;
  std::jthread thread_;  // last: it uses what stands above
};
}  // namespace

std::size_t StepTimes::bucket_of(std::size_t tokens) { return static_cast<std::size_t>(std::bit_width(tokens)); }

Duration StepTimes::stalled_after(std::size_t tokens) const {
  const Duration best = best_.at(bucket_of(tokens));
  return best == Duration::zero() ? Duration::max() : kStallFactor * best + kStallMin;
}

void StepTimes::note(std::size_t tokens, Duration took) {
  Duration& best = best_.at(bucket_of(tokens));
  best = best == Duration::zero() ? took : std::min(took, best + best / kForgetting);
}

void TeamWaiting::begin_step(Instant now, bool is_known) {
  if (is_known && !sleeps()) return;
  auto times = times_.lock();
  if (!is_known) {
    times->changed = now;
    if (!sleeps_.exchange(true)) sleep_(true);
    return;
  }
  if (!sleeps() || now - times->changed < times->pause) return;
  times->changed = now;
  sleeps_ = false;
  sleep_(false);
}

void TeamWaiting::note_stall(Instant now) {
  auto times = times_.lock();
  if (sleeps()) return;
  // Spinning that went well for as long as teams had slept before is a new beginning.
  const bool again = times->changed != Instant{} && now - times->changed < times->pause;
  times->pause = again ? std::min(2 * times->pause, kSleepMax) : kSleepMin;
  times->changed = now;
  sleeps_ = true;
  sleep_(true);
}

TeamWaiting& team_waiting() {
  static IdleTeam team;
  static TeamWaiting waiting([](bool sleep) { team.want(sleep); });
  return waiting;
}

void prepare_team_waiting() {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);  // with more threads than cores
  ::setenv("GOMP_SPINCOUNT", kSpinTurns, 1);  // with a core for each
  waiting_is_ours = true;
}

}  // namespace forebay::engines
