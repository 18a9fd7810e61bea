// The threads that the library computes from, as many as fit on the cores, shared by all sessions.
//
// Debian's ggml computes with libgomp, which keeps a team of threads for every thread that ever computed. Once all teams together have more
// threads than there are cores, every barrier sleeps instead of spinning: a token of a 60 M parameter model took 19 ms instead of 2.5 on
// 2 cores, only because the file had been loaded on another thread. So nothing computes on threads that come and go, and sessions whose
// threads would not fit side by side share a lane. If one session uses the lane, it computes on its own thread (handing every step to
// another one and waiting for it cost a tenth of the tokens of a single text). If several do, they take turns on the lane's thread. rest()
// ends the OpenMP team of the calling thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace forebay::engines {

// One session's place in a lane.
// Threads: confined to its session's. Owner: the session.
class ComputeSeat {
 public:
  // In one of the max(1, cores / threads) lanes for sessions of that many threads, the one with the fewest seats.
  static std::unique_ptr<ComputeSeat> take(std::size_t threads);
  ~ComputeSeat();
  ComputeSeat(const ComputeSeat&) = delete;
  ComputeSeat& operator=(const ComputeSeat&) = delete;

  // Runs `work`, which must not throw, and waits for it; in a lane one runs at a time.
  void run(const std::function<void()>& work);
  // How long the last run() waited for its turn in the lane.
  std::chrono::nanoseconds waited() const { return waited_; }
  // Nothing follows for now: others may have the lane for themselves.
  void rest();
  bool shares_lane_with(const ComputeSeat& other) const { return lane_ == other.lane_; }

 private:
  struct Lane;
  explicit ComputeSeat(std::shared_ptr<Lane> lane) : lane_(std::move(lane)) {}
  void end_team();

  const std::shared_ptr<Lane> lane_;
  bool is_busy_ = false;   // has computed since it rested
  bool has_team_ = false;  // on its own thread
  std::chrono::nanoseconds waited_{};
};

// Runs `work` on a thread made for it, which leaves no team behind. `work` must not throw.
void run_on_passing_thread(const std::function<void()>& work);

}  // namespace forebay::engines
