#include <algorithm>
#include <thread>

#include "base/errors.h"
#include "base/executor.h"
#include "scheduling/queue_watch.h"
#include "scheduling/runners.h"
#include "scheduling/tensor_batcher.h"

namespace forebay::scheduling {

namespace {

struct TensorWorker {
  std::unique_ptr<TensorBatcher> batcher;  // outlives the thread: stop() is called from outside
  std::thread thread;
};

class BatchingTensorRunner final : public TensorRunner {
 public:
  using Sessions = std::vector<std::unique_ptr<engines::TensorSession>>;
  BatchingTensorRunner(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options, RunnerContext context, Sessions sessions);
  ~BatchingTensorRunner() override;
  Result<> submit(TensorRequest request, Done done) override;
  RunnerStats stats() const override;

 private:
  void work(TensorBatcher& batcher);
  void answer_dead(AdmissionQueue<TensorWork>::Taken dead);

  const std::shared_ptr<engines::LoadedModel> model_;
  const telemetry::ModelMetrics uncounted_;
  RunnerContext context_;
  RunnerCounters counters_;
  TensorQueue queue_;
  std::vector<std::unique_ptr<TensorWorker>> workers_;
  std::optional<QueueWatch<TensorWork>> watch_;
};

BatchingTensorRunner::BatchingTensorRunner(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options, RunnerContext context,
                                           Sessions sessions)
    : model_(std::move(model)), context_(context), queue_(options.admission) {
  if (context_.metrics == nullptr) context_.metrics = const_cast<telemetry::ModelMetrics*>(&uncounted_);
  for (auto& session : sessions) {
    auto worker = std::make_unique<TensorWorker>();
    worker->batcher = std::make_unique<TensorBatcher>(std::move(session), options, TensorSurroundings{context_, &queue_, &counters_});
    workers_.push_back(std::move(worker));
  }
  for (auto& worker : workers_) worker->thread = std::thread([this, &batcher = *worker->batcher] { work(batcher); });
  watch_.emplace(queue_, *context_.clock, [this](auto dead) { answer_dead(std::move(dead)); });
}

BatchingTensorRunner::~BatchingTensorRunner() {
  queue_.close();
  for (auto& worker : workers_) worker->batcher->stop();
  for (auto& worker : workers_) worker->thread.join();
  watch_.reset();
  while (auto left = queue_.with([&](auto& queue) { return queue.take(context_.clock->now()); })) {
    if (!left->error) left->error = Error(kShuttingDown, "the model is being unloaded");
    answer_dead(*std::move(left));
  }
}

void BatchingTensorRunner::work(TensorBatcher& batcher) {
  name_this_thread("predict");
  std::uint64_t seen = queue_.changes();
  while (!queue_.closed()) {
    if (batcher.run_once()) continue;
    const std::uint64_t now = queue_.changes();
    seen = now == seen ? queue_.wait(seen, batcher.look_again()) : now;
  }
  batcher.close();
}

void BatchingTensorRunner::answer_dead(AdmissionQueue<TensorWork>::Taken dead) {
  ++(dead.ticket.cancel.cancelled() ? counters_.cancelled : counters_.failed);
  dead.work.on_cancel = {};
  dead.work.done(fail(*std::move(dead.error)));
}

Result<> BatchingTensorRunner::submit(TensorRequest request, Done done) {
  Ticket ticket = std::move(request.ticket);
  auto on_cancel = ticket.cancel.on_cancel([this](CancelReason) { queue_.note_cancelled(); });
  const std::size_t rows = model_->description().batchable ? common_rows(request.inputs) : 0;
  const auto queued =
      queue_.push(std::move(ticket), TensorWork{std::move(request), std::move(done), rows, std::move(on_cancel)}, context_.clock->now());
  if (!queued) {
    ++counters_.refused;
    context_.metrics->refused.increment();
    return queued;
  }
  ++counters_.accepted;
  return {};
}

RunnerStats BatchingTensorRunner::stats() const {
  return {.queued = static_cast<std::uint32_t>(queue_.size()),
          .running = counters_.running,
          .workers = static_cast<std::uint32_t>(workers_.size()),
          .accepted = counters_.accepted,
          .refused = counters_.refused,
          .finished = counters_.finished,
          .failed = counters_.failed,
          .cancelled = counters_.cancelled,
          .steps = counters_.steps,
          .rows = counters_.rows,
          .accepting = queue_.accepting()};
}

}  // namespace

Result<std::unique_ptr<TensorRunner>> TensorRunner::open(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options,
                                                         RunnerContext context) {
  TRY(check(options));
  BatchingTensorRunner::Sessions sessions;
  const std::size_t workers = options.workers > 0 ? options.workers : usable_cores();
  for (std::size_t i = 0; i < workers; ++i) {
    TRY_ASSIGN(auto session, model->open_tensor_session(), "opening worker " + std::to_string(i));
    sessions.push_back(std::move(session));
  }
  return std::make_unique<BatchingTensorRunner>(std::move(model), options, context, std::move(sessions));
}

}  // namespace forebay::scheduling
