// Makes one run of what waits: compatible requests are joined along their first dimension, run, and split back exactly.
// Requests are compatible when input names, dtypes and trailing dimensions agree, and the same outputs are asked. When a run of several
// fails, each is run alone, so that a failing request fails alone. A batch of one is run as it came, without a copy.
// Threads: run_once() on its worker's thread, stop() anywhere. Owner: TensorRunner's worker, or a test.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/synchronized.h"
#include "engines/tensor_session.h"
#include "scheduling/request_ledger.h"
#include "scheduling/runners.h"
#include "scheduling/shared_queue.h"

namespace forebay::scheduling {

// What waits in the queue to be run; its ticket is in the queue.
struct TensorWork {
  TensorRequest request;
  TensorRunner::Done done;
  std::size_t rows = 0;  // of the first dimension; 0: runs alone
  RequestLedger::Pass pass;
  CancelToken::Subscription on_cancel;
};
using TensorQueue = SharedQueue<TensorWork>;

// The rows that every input of the request has in its first dimension; 0 when they do not agree, or there are none.
std::size_t common_rows(const tensors::NamedTensors& inputs);
bool can_join(const TensorWork& one, const TensorWork& other);

struct TensorSurroundings {
  RunnerContext context;
  TensorQueue* queue = nullptr;
  RequestLedger* ledger = nullptr;
};

class TensorBatcher {
 public:
  // Requests looked at, beyond those taken, to find more that can join.
  static constexpr std::size_t kLookedAtMax = 256;

  TensorBatcher(std::unique_ptr<engines::TensorSession> session, const TensorOptions& options, const TensorSurroundings& surroundings);

  // One batch. False when there was nothing to run now: wait for a change of the queue, or until look_again().
  bool run_once();
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

  std::vector<Taken> take_batch(Queue& queue, Instant now);
  bool should_wait(const Queue& queue, Instant now);
  std::size_t rows_allowed() const;
  void run(std::vector<Taken>& batch);
  void run_alone(Taken& taken);
  // False when it has to be tried one by one.
  bool run_joined(std::span<Taken> batch);
  Result<tensors::NamedTensors> run_measured(const tensors::NamedTensors& inputs, const Taken& first, const CancelToken& cancel,
                                             std::size_t rows);
  void answer(Taken& taken, Result<TensorAnswer> answer);
  void note_running(std::span<const Taken> batch);
  void note_idle();

  std::unique_ptr<engines::TensorSession> session_;
  const TensorOptions options_;
  const TensorSurroundings surroundings_;
  const Clock& clock_;
  std::optional<Instant> look_again_;
  std::chrono::microseconds last_run_{0};
  bool joins_ = true;  // false once the model's outputs turned out not to follow the rows
  Synchronized<Running> running_;
};

}  // namespace forebay::scheduling
