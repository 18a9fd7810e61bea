#include <thread>

#include "base/executor.h"
#include "scheduling/runner_core.h"
#include "scheduling/runners.h"
#include "scheduling/sharing_tensor_runner.h"
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
  RunnerStats stats() const override { return core_.stats(static_cast<std::uint32_t>(workers_.size())); }
  std::vector<DeadLetter> dead_letters() const override { return core_.ledger().dead_letters(); }
  std::size_t clear_cache() override { return 0; }

 private:
  using Core = RunnerCore<TensorWork>;
  void work(TensorBatcher& batcher);
  void answer_unrun(Core::Taken& taken);

  const std::shared_ptr<engines::LoadedModel> model_;
  Core core_;
  std::vector<std::unique_ptr<TensorWorker>> workers_;
};

BatchingTensorRunner::BatchingTensorRunner(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options, RunnerContext context,
                                           Sessions sessions)
    : model_(std::move(model)), core_(std::move(context), options, WorkerWaking::kOne, [this](auto& taken) { answer_unrun(taken); }) {
  for (auto& session : sessions) {
    auto worker = std::make_unique<TensorWorker>();
    worker->batcher =
        std::make_unique<TensorBatcher>(std::move(session), options, TensorSurroundings{core_.context(), &core_.queue(), &core_.ledger()});
    workers_.push_back(std::move(worker));
  }
  for (auto& worker : workers_) worker->thread = std::thread([this, &batcher = *worker->batcher] { work(batcher); });
}

BatchingTensorRunner::~BatchingTensorRunner() {
  core_.close();
  for (auto& worker : workers_) worker->batcher->stop();
  for (auto& worker : workers_) worker->thread.join();
  core_.finish();
}

void BatchingTensorRunner::work(TensorBatcher& batcher) {
  name_this_thread("predict");
  auto& queue = core_.queue();
  std::uint64_t seen = queue.changes();
  while (!queue.closed()) {
    if (batcher.run_once()) continue;
    const std::uint64_t now = queue.changes();
    seen = now == seen ? queue.wait(seen, batcher.look_again()) : now;
  }
  batcher.close();
}

void BatchingTensorRunner::answer_unrun(Core::Taken& taken) {
  core_.ledger().count_end(taken.work.pass, taken.ticket, &*taken.error);
  taken.work.on_cancel = {};
  taken.work.done(fail(*std::move(taken.error)));
}

Result<> BatchingTensorRunner::submit(TensorRequest request, Done done) {
  TRY_ASSIGN(const auto pass, core_.admit());
  Ticket ticket = std::move(request.ticket);
  auto on_cancel = ticket.cancel.on_cancel([this](CancelReason) { core_.queue().note_cancelled(); });
  const std::size_t rows = model_->description().batchable ? common_rows(request.inputs) : 0;
  return core_.enqueue(pass, std::move(ticket), TensorWork{std::move(request), std::move(done), rows, pass, std::move(on_cancel)});
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
  auto runner = std::make_unique<BatchingTensorRunner>(std::move(model), options, context, std::move(sessions));
  return std::make_unique<SharingTensorRunner>(std::move(runner), options, context);
}

}  // namespace forebay::scheduling
