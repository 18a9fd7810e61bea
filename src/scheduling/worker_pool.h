// The workers of a generation model: each a thread with a loop and its session, all over one copy of the weights, all taking from one
// queue. The router says who should take what; an idle worker never leaves alone what nobody else has room for. Once every worker in
// rotation has declined a request, none takes a later one before it: the first worker that has room takes it.
//   A worker that breaks (WorkerHealth) gives its texts up: others continue them with the same result, as far as the retry budget goes,
//   while its session is destroyed and opened again on its own thread, later and later. With one worker they wait for that.
//   A worker that is to leave takes nothing new and ends what it runs; after drain_timeout others continue it.
// Threads: shared, as said at each function. Owner: GenerationRunner. Locks: the queue's may be held when the roster's is taken, never the
// other way round; nobody is answered and no sequence destroyed under either.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "scheduling/generation_loop.h"
#include "scheduling/prefix_directory.h"
#include "scheduling/retry_budget.h"
#include "scheduling/worker_health.h"
#include "scheduling/worker_listing.h"
#include "scheduling/worker_router.h"

namespace forebay::scheduling {

class WorkerPool {
 public:
  struct OpenSession {
    ByteBudget::Reservation memory;
    std::unique_ptr<engines::GenerationSession> session;
  };
  using Sessions = std::vector<OpenSession>;
  // Room in the budget for one more session; caches give theirs up for it. kBudgetExhausted.
  static Result<ByteBudget::Reservation> reserve_session(const engines::LoadedModel& model, const engines::GenerationSessionOptions& options,
                                                         const RunnerContext& context);
  // One worker for each session. The pool sets watch, route and offered of `surroundings`; leave them empty.
  WorkerPool(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options, const engines::GenerationSessionOptions& session,
             const GenerationSurroundings& surroundings, Sessions sessions);
  ~WorkerPool();
  // Call after the queue is closed and before the destructor. Aborts running steps, joins the threads and fails sequences that wait for
  // another worker.
  void stop();

  // From any thread:
  Result<> set_workers(std::uint32_t count);
  std::uint32_t worker_count() const;  // without those that leave
  RoutingStrategy strategy() const;
  void set_strategy(RoutingStrategy strategy);
  std::vector<WorkerListing> workers() const;
  std::uint64_t restarts() const { return restarts_; }
  std::uint64_t retries() const { return retries_; }
  std::uint64_t session_bytes() const;                       // that the sessions have reserved in the budget
  std::size_t between_workers() const { return homeless_; }  // texts that nobody continues yet
  void note_request();
  // The request was cancelled: ends the step that is only for it.
  void note_cancelled(std::uint64_t serial);
  // Workers that had the request, which has ended.
  std::uint32_t forget(std::uint64_t serial);

 private:
  struct Worker;
  using Sequences = std::vector<std::unique_ptr<Sequence>>;
  struct Roster {
    explicit Roster(const GenerationOptions& options);
    std::vector<std::shared_ptr<Worker>> workers;
    WorkerRouter router;
    RetryBudget retry;
    std::deque<std::unique_ptr<Sequence>> homeless;             // given up by one worker, not yet taken over by another
    std::unordered_map<std::uint64_t, std::uint32_t> attempts;  // of requests that were moved, by serial
    std::uint64_t blocked = StepWatch::kNobody;  // the queued request that every worker in rotation has declined, or is too full for
  };

  // Called by a worker's loop under the queue's lock.
  Routing route(Worker& worker, const GenerationWork& work);
  void note_offer(Worker& worker, const GenerationWork& work, bool takes);
  static std::size_t cells_soon_of(const GenerationWork& work);
  WorkerSnapshot snapshot_of(Worker& worker, Instant now, std::uint64_t serial) const;
  std::vector<WorkerSnapshot> snapshots(const Roster& roster, std::uint64_t serial) const;

  // On the worker's thread.
  void work(Worker& worker);
  bool open(Worker& worker);
  void start(Worker& worker, std::unique_ptr<engines::GenerationSession> session);
  void take_over(Worker& worker);
  bool note_round(Worker& worker, bool did_something);
  void break_down(Worker& worker);
  Sequences give_up(Worker& worker);
  bool leave_if_drained(Worker& worker);
  bool use_idle_time(Worker& worker);
  std::optional<Instant> wake_at(const Worker& worker);

  void hand_over(Sequences sequences, const Error* failure);
  void end_dead_homeless();
  void end(Sequence& sequence, const Error& error);
  std::shared_ptr<Worker> make_worker(ByteBudget::Reservation memory);
  void reap();

  const std::shared_ptr<engines::LoadedModel> model_;
  const GenerationOptions options_;
  const engines::GenerationSessionOptions session_options_;
  const GenerationSurroundings surroundings_;
  const Clock& clock_;
  GenerationQueue& queue_;
  PrefixDirectory directory_;
  Synchronized<Roster> roster_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<std::uint64_t> restarts_{0};
  std::atomic<std::uint64_t> retries_{0};
  std::atomic<std::size_t> homeless_{0};
};

}  // namespace forebay::scheduling
