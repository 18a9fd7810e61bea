#include <algorithm>
#include <mutex>
#include <thread>

#include "base/executor.h"
#include "base/machine.h"
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

// A session for threads that help: whoever has the lock runs.
struct HelperLane {
  std::mutex mutex;
  std::unique_ptr<TensorBatcher> batcher;  // opened by the first who helps
  bool refused = false;                    // it could not be opened
};

// A run inline is ended when it has taken so many times what it may take: the machine may be busy, or the model different this time.
constexpr int kInlineOverrun = 40;

// Only when the rows alone decide what a run takes may it be run where others wait: then it is known beforehand.
bool rows_decide_cost(const formats::ModelDescription& description) {
  return description.unbounded.empty() && std::ranges::all_of(description.inputs, [](const formats::TensorSpec& input) {
           const auto& shape = input.shape;
           return input.has_shape &&
                  std::all_of(shape.begin() + (shape.empty() ? 0 : 1), shape.end(), [](std::int64_t size) { return size >= 0; });
         });
}

class BatchingTensorRunner final : public TensorRunner {
 public:
  using Sessions = std::vector<std::unique_ptr<engines::TensorSession>>;
  BatchingTensorRunner(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options, RunnerContext context, Sessions sessions);
  ~BatchingTensorRunner() override;
  Result<> submit(TensorRequest request, Done done) override;
  void help() override;
  RunnerStats stats() const override { return core_.stats(static_cast<std::uint32_t>(workers_.size())); }
  std::vector<DeadLetter> dead_letters() const override { return core_.ledger().dead_letters(); }
  std::size_t clear_cache() override { return 0; }

 private:
  using Core = RunnerCore<TensorWork>;
  void work(TensorBatcher& batcher);
  void answer_unrun(Core::Taken& taken);
  std::unique_ptr<TensorBatcher> make_batcher(std::unique_ptr<engines::TensorSession> session, std::optional<Duration> inline_max = {});
  bool help_in(HelperLane& lane, std::size_t rows_max);

  const std::shared_ptr<engines::LoadedModel> model_;
  const TensorOptions options_;
  Core core_;
  RunCost cost_;
  std::atomic<std::uint32_t> idle_{0};
  const std::optional<LengthRule> lengths_;
  std::atomic<bool> pads_;
  TensorHandOver hand_over_;
  std::vector<std::unique_ptr<TensorWorker>> workers_;
  std::vector<std::unique_ptr<HelperLane>> lanes_;  // none when nobody may help
};

BatchingTensorRunner::BatchingTensorRunner(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options, RunnerContext context,
                                           Sessions sessions)
    : model_(std::move(model)),
      options_(options),
      core_(std::move(context), options, [this](auto& taken) { answer_unrun(taken); }),
      lengths_(options.pads_lengths && model_->backend().rows_independent ? LengthRule::of(model_->description()) : std::nullopt),
      pads_(lengths_.has_value()) {
  if (options.helping_max.count() > 0 && options.queue_delay_max.count() == 0 && rows_decide_cost(model_->description())) {
    for (std::size_t i = 0; i < usable_cores(); ++i) lanes_.push_back(std::make_unique<HelperLane>());
  }
  for (const engines::RunTime& run : model_->backend().runs) cost_.note(run.rows, run.took);
  for (auto& session : sessions) {
    auto worker = std::make_unique<TensorWorker>();
    worker->batcher = make_batcher(std::move(session));
    workers_.push_back(std::move(worker));
  }
  for (auto& worker : workers_) worker->thread = std::thread([this, &batcher = *worker->batcher] { work(batcher); });
}

// Nobody helps any more: who does has a lease, which keeps the runner.
BatchingTensorRunner::~BatchingTensorRunner() {
  core_.close();
  for (auto& worker : workers_) worker->batcher->stop();
  for (auto& worker : workers_) worker->thread.join();
  lanes_.clear();
  for (auto left = hand_over_.take(); !left.empty(); left = hand_over_.take()) {
    for (auto& taken : left) {
      taken.error = Error(kShuttingDown, "the model is being unloaded");
      answer_unrun(taken);
    }
  }
  core_.finish();
}

std::unique_ptr<TensorBatcher> BatchingTensorRunner::make_batcher(std::unique_ptr<engines::TensorSession> session,
                                                                  std::optional<Duration> inline_max) {
  return std::make_unique<TensorBatcher>(std::move(session), options_,
                                         TensorSurroundings{core_.context(), &core_.queue(), &core_.ledger(), &cost_, &idle_,
                                                            lengths_ ? &*lengths_ : nullptr, &pads_, &hand_over_, inline_max});
}

void BatchingTensorRunner::work(TensorBatcher& batcher) {
  name_this_thread("predict");
  keep_thread_on(core_.context().processors);
  auto& queue = core_.queue();
  std::uint64_t seen = queue.changes();
  while (!queue.closed()) {
    if (batcher.run_once()) continue;
    const std::uint64_t now = queue.changes();
    if (now != seen) {
      seen = now;
      continue;
    }
    ++idle_;
    seen = queue.wait(seen, batcher.look_again());
    --idle_;
  }
  batcher.close();
}

// At most one batch: the thread has others to serve. What is left is for the workers.
void BatchingTensorRunner::help() {
  if (core_.queue().size() == 0) return;
  const std::size_t rows_max = lanes_.empty() ? 0 : cost_.rows_within(options_.helping_max, options_.batch_rows_max);
  for (const auto& lane : lanes_) {
    if (rows_max == 0 || help_in(*lane, rows_max)) break;
  }
  if (core_.queue().size() > 0) core_.queue().wake();
}

bool BatchingTensorRunner::help_in(HelperLane& lane, std::size_t rows_max) {
  const std::unique_lock lock(lane.mutex, std::try_to_lock);
  if (!lock || lane.refused) return false;
  if (lane.batcher == nullptr) {
    auto session = model_->open_tensor_session();
    lane.refused = !session;
    if (lane.refused) return false;
    lane.batcher = make_batcher(*std::move(session), kInlineOverrun * options_.helping_max);
  }
  lane.batcher->run_once(rows_max);
  return true;
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
  const std::size_t rows = model_->backend().rows_independent ? common_rows(request.inputs) : 0;
  const std::size_t length = lengths_ ? lengths_->length_of(request.inputs) : 0;
  const bool wakes = !request.will_help;
  return core_.enqueue(pass, std::move(ticket), TensorWork{std::move(request), std::move(done), rows, length, pass, std::move(on_cancel)},
                       wakes);
}

}  // namespace

Result<std::unique_ptr<TensorRunner>> TensorRunner::open(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options,
                                                         const RunnerContext& context) {
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
