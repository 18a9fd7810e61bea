// The workers of a generation model: each a thread with a loop and its session, all over one copy of the weights. The dispatcher gives them
// requests; the pool starts, restarts and ends them.
//   A worker that breaks (WorkerHealth) gives its sequences up: others continue them with the same result, as far as the retry budget goes,
//   while its session is destroyed and opened again on its own thread, later and later. With one worker they wait for that.
//   A worker that is to leave takes nothing new and ends what it runs; after drain_timeout others continue it.
// Threads: shared, as said at each function. Owner: GenerationRunner. No lock is held while the dispatcher's is taken.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "scheduling/dispatcher.h"
#include "scheduling/generation_loop.h"
#include "scheduling/retry_budget.h"

namespace forebay::scheduling {

class WorkerPool {
 public:
  struct OpenSession {
    ByteBudget::Reservation memory;
    std::unique_ptr<engines::GenerationSession> session;
  };
  using Sessions = std::vector<OpenSession>;
  // Room in the budget for one more session; caches give theirs up for it. kBudgetExhausted.
  static Result<ByteBudget::Reservation> reserve_session(const engines::LoadedModel& model,
                                                         const engines::GenerationSessionOptions& options, const RunnerContext& context);
  // One worker for each session. The pool sets `worker` and `watch` of `surroundings`; leave them empty.
  WorkerPool(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options,
             const engines::GenerationSessionOptions& session, const GenerationSurroundings& surroundings, Sessions sessions);
  ~WorkerPool();
  // Call after the queue is closed and before the destructor. Aborts running steps, joins the threads and fails sequences that wait for
  // another worker.
  void stop();

  // From any thread:
  Result<> set_workers(std::uint32_t count);
  std::uint32_t worker_count() const;  // without those that leave
  std::uint64_t restarts() const { return restarts_; }
  std::uint64_t retries() const { return retries_; }
  std::uint64_t session_bytes() const;  // that the sessions have reserved in the budget
  void note_request();
  // The request was cancelled: ends the step that is only for it.
  void note_cancelled(std::uint64_t serial);
  // Workers that had the request, which has ended.
  std::uint32_t forget(std::uint64_t serial);

 private:
  struct Worker;
  using Sequences = Dispatcher::Sequences;
  struct Crew {
    explicit Crew(const RetryOptions& options) : retry(options) {}
    std::vector<std::shared_ptr<Worker>> workers;
    RetryBudget retry;
    std::unordered_map<std::uint64_t, std::uint32_t> attempts;  // of requests that were moved, by serial
  };

  // On the worker's thread.
  void work(Worker& worker);
  bool open(Worker& worker);
  void start(Worker& worker, std::unique_ptr<engines::GenerationSession> session);
  bool run_round(Worker& worker);
  void break_down(Worker& worker);
  Sequences give_up(Worker& worker);
  bool leave_if_drained(Worker& worker);
  bool use_idle_time(Worker& worker);
  std::optional<Instant> wake_at(const Worker& worker);

  void hand_over(Sequences sequences, const Error* failure);
  void end_dead_moved();
  void end(Sequence& sequence, const Error& error);
  std::shared_ptr<Worker> make_worker(ByteBudget::Reservation memory);
  void reap();

  const std::shared_ptr<engines::LoadedModel> model_;
  const GenerationOptions options_;
  const engines::GenerationSessionOptions session_options_;
  const GenerationSurroundings surroundings_;
  const Clock& clock_;
  Dispatcher& dispatcher_;
  Synchronized<Crew> crew_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<std::uint64_t> restarts_{0};
  std::atomic<std::uint64_t> retries_{0};
};

}  // namespace forebay::scheduling
