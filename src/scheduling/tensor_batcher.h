// Makes one run of what waits: compatible requests are joined along their first dimension, run, and split back exactly.
// Requests are compatible when input names, dtypes and trailing dimensions agree, and the same outputs are asked; where the model has a
// LengthRule, lengths of one bucket may differ. When a run of several fails, each is run alone, so that a failing request fails alone. A
// batch of one is run as it came, without a copy. Threads: run_once() on one thread at a time, stop() anywhere. Owner: TensorRunner's
// worker, or a test.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/synchronized.h"
#include "engines/tensor_session.h"
#include "scheduling/length_rule.h"
#include "scheduling/request_ledger.h"
#include "scheduling/run_cost.h"
#include "scheduling/runners.h"
#include "scheduling/shared_queue.h"

namespace forebay::scheduling {

// What waits in the queue to be run; its ticket is in the queue.
struct TensorWork {
  TensorRequest request;
  TensorRunner::Done done;
  std::size_t rows = 0;    // of the first dimension; 0: runs alone
  std::size_t length = 0;  // by the model's LengthRule; 0: has none
  RequestLedger::Pass pass;
  CancelToken::Subscription on_cancel;
};
using TensorQueue = SharedQueue<TensorWork>;

// The rows that every input of the request has in its first dimension; 0 when they do not agree, or there are none.
std::size_t common_rows(const tensors::NamedTensors& inputs);
// `lengths` may be null.
bool can_join(const TensorWork& one, const TensorWork& other, const LengthRule* lengths = nullptr);

// Batches that a thread of connections began and gave up: workers run them. Threads: shared. Owner: the runner.
class TensorHandOver {
 public:
  using Batch = std::vector<AdmissionQueue<TensorWork>::Taken>;
  void put(Batch batch) {
    auto batches = batches_.lock();
    batches->push_back(std::move(batch));
  }
  // Empty when there is none.
  Batch take() {
    auto batches = batches_.lock();
    if (batches->empty()) return {};
    Batch first = std::move(batches->front());
    batches->erase(batches->begin());
    return first;
  }

 private:
  Synchronized<std::vector<Batch>> batches_;  // one for each thread that runs inline, at most
};

struct TensorSurroundings {
  RunnerContext context;
  TensorQueue* queue = nullptr;
  RequestLedger* ledger = nullptr;
  RunCost* cost = nullptr;
  std::atomic<std::uint32_t>* idle = nullptr;  // workers that wait for something to do
  const LengthRule* lengths = nullptr;         // null: only equal lengths are joined
  std::atomic<bool>* pads = nullptr;           // false once padding turned out to change the answers; with `lengths`
  TensorHandOver* hand_over = nullptr;
  std::optional<Duration> inline_max = std::nullopt;  // of one run on a thread of connections; nothing: on a worker
};

class TensorBatcher {
 public:
  // Requests looked at, beyond those taken, to find more that can join.
  static constexpr std::size_t kLookedAtMax = 256;

  TensorBatcher(std::unique_ptr<engines::TensorSession> session, const TensorOptions& options, const TensorSurroundings& surroundings);

  // One batch, of at most so many rows (one request at least). False when there was nothing to run now: wait for a change of the queue, or
  // until look_again().
  bool run_once(std::size_t rows_max = SIZE_MAX);
  // When a batch that is being collected will be run even if nothing more comes (queue_delay_max).
  std::optional<Instant> look_again() const { return look_again_; }
  // Cancels what is running, and everything taken from now on.
  void stop();
  // Destroys the session, on its own thread; nothing runs afterwards.
  void close() { session_.reset(); }

 private:
  using Queue = AdmissionQueue<TensorWork>;
  using Taken = Queue::Taken;
  struct Running {
    bool stopped = false;
    std::vector<CancelToken> tokens;
  };

  TensorHandOver::Batch handed_over() const;
  std::vector<Taken> take_batch(Queue& queue, Instant now, std::size_t rows_max);
  std::size_t rows_wanted(const Queue& queue, std::size_t rows_max);
  bool should_wait(const Queue& queue, Instant now);
  std::size_t rows_allowed() const;
  void run(std::vector<Taken>& batch);
  // False when it took too long for this thread; the requests are as they were.
  bool run_inline(std::span<Taken> batch);
  void run_here(std::span<Taken> batch);
  void run_alone(Taken& taken);
  // False when it has to be tried one by one.
  bool run_joined(std::span<Taken> batch);
  Result<tensors::NamedTensors> join(std::span<const Taken> batch) const;
  Result<tensors::NamedTensors> part_of(const tensors::NamedTensors& outputs, std::size_t first_row, const TensorWork& work) const;
  bool proves_padding(std::span<Taken> batch, const tensors::NamedTensors& outputs);
  const LengthRule* lengths() const { return surroundings_.pads != nullptr && *surroundings_.pads ? surroundings_.lengths : nullptr; }
  Result<tensors::NamedTensors> run_measured(const tensors::NamedTensors& inputs, std::span<const Taken> batch, const CancelToken& cancel,
                                             std::size_t rows);
  // Until the last deadline; nothing when one of them has none.
  std::optional<Duration> time_left(std::span<const Taken> batch) const;
  void answer(Taken& taken, Result<TensorAnswer> answer);
  void note_running(std::span<const Taken> batch);
  void note_idle();

  std::unique_ptr<engines::TensorSession> session_;
  const TensorOptions options_;
  const TensorSurroundings surroundings_;
  const Clock& clock_;
  std::optional<Instant> look_again_;
  std::chrono::microseconds last_run_{0};
  bool too_long_ = false;  // the last run was ended because this thread has others to serve
  bool padding_proved_ = false;
  bool joins_ = true;  // false once the model's outputs turned out not to follow the rows
  Synchronized<Running> running_;
};

}  // namespace forebay::scheduling
