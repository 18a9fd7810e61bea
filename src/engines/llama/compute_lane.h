// The threads that the library computes from, as many as fit on the cores, shared by all sessions.
//
// Debian's ggml computes with libgomp, which keeps a team of threads for every thread that ever computed. Once all teams together have more
// threads than there are cores, every barrier sleeps instead of spinning: a token of a 60 M parameter model took 19 ms instead of 2.5 on
// 2 cores, only because the file had been loaded on another thread. So nothing computes on threads that come and go, and sessions whose
// threads would not fit side by side take turns.
// Threads: shared. Owner: the sessions that compute in it.
#pragma once

#include <functional>
#include <memory>

namespace forebay::engines {

class ComputeLane {
 public:
  // Of the max(1, cores / threads) lanes for sessions of that many threads, the one with the fewest sessions.
  static std::shared_ptr<ComputeLane> take(std::size_t threads);

  ComputeLane();
  // Ends its thread, and with it the library's team.
  ~ComputeLane();
  // Runs `work` on the lane's thread and waits for it; one at a time. `work` must not throw.
  void run(const std::function<void()>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Runs `work` on a thread made for it, which leaves no team behind. `work` must not throw.
void run_on_passing_thread(const std::function<void()>& work);

}  // namespace forebay::engines
