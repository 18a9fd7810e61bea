#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/errors.h"
#include "base/executor.h"
#include "scheduling/embedding_batcher.h"
#include "scheduling/errors.h"
#include "scheduling/queue_watch.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {

namespace {

class BatchingEmbeddingRunner final : public EmbeddingRunner {
 public:
  BatchingEmbeddingRunner(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options, RunnerContext context,
                          std::unique_ptr<engines::TextSession> session);
  ~BatchingEmbeddingRunner() override;
  Result<> submit(EmbeddingRequest request, Done done) override;
  const engines::TextSessionInfo& session_info() const override { return info_; }
  RunnerStats stats() const override;

 private:
  Result<> check(const EmbeddingRequest& request) const;
  Result<> check_text(const std::vector<Token>& text, std::size_t index) const;
  void work();
  void answer_dead(AdmissionQueue<EmbeddingWork>::Taken dead);

  const std::shared_ptr<engines::LoadedModel> model_;
  const EmbeddingOptions options_;
  const telemetry::ModelMetrics uncounted_;
  RunnerContext context_;
  const engines::TextSessionInfo info_;
  const std::size_t text_tokens_max_;
  RunnerCounters counters_;
  std::atomic<std::uint64_t> serials_{StepWatch::kNobody};
  EmbeddingQueue queue_;
  StepWatch step_watch_;
  std::unique_ptr<EmbeddingBatcher> batcher_;  // its thread destroys it
  std::thread thread_;
  std::optional<QueueWatch<EmbeddingWork>> watch_;
};

// An encoder takes a text in one step; a session that states no length of a sequence has no other limit.
std::size_t longest_text(const engines::TextSessionInfo& info) {
  return info.sequence_tokens_max > 0 ? std::min(info.step_tokens_max, info.sequence_tokens_max) : info.step_tokens_max;
}

BatchingEmbeddingRunner::BatchingEmbeddingRunner(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options,
                                                 RunnerContext context, std::unique_ptr<engines::TextSession> session)
    : model_(std::move(model)),
      options_(options),
      context_(context),
      info_(session->info()),
      text_tokens_max_(longest_text(info_)),
      queue_(options.admission) {
  if (context_.metrics == nullptr) context_.metrics = const_cast<telemetry::ModelMetrics*>(&uncounted_);
  batcher_ =
      std::make_unique<EmbeddingBatcher>(std::move(session), options_, EmbeddingSurroundings{context_, &queue_, &step_watch_, &counters_});
  thread_ = std::thread([this] { work(); });
  watch_.emplace(queue_, *context_.clock, [this](auto dead) { answer_dead(std::move(dead)); });
}

BatchingEmbeddingRunner::~BatchingEmbeddingRunner() {
  queue_.close();
  step_watch_.stop();
  thread_.join();
  watch_.reset();
  while (auto left = queue_.with([&](auto& queue) { return queue.take(context_.clock->now()); })) {
    if (!left->error) left->error = Error(kShuttingDown, "the model is being unloaded");
    answer_dead(*std::move(left));
  }
}

void BatchingEmbeddingRunner::work() {
  name_this_thread("embed");
  std::uint64_t seen = queue_.changes();
  while (!queue_.closed()) {
    if (batcher_->run_once()) continue;
    const std::uint64_t now = queue_.changes();
    seen = now == seen ? queue_.wait(seen) : now;
  }
  batcher_.reset();
}

void BatchingEmbeddingRunner::answer_dead(AdmissionQueue<EmbeddingWork>::Taken dead) {
  ++(dead.ticket.cancel.cancelled() ? counters_.cancelled : counters_.failed);
  dead.work.on_cancel = {};
  dead.work.done(fail(*std::move(dead.error)));
}

Result<> BatchingEmbeddingRunner::check(const EmbeddingRequest& request) const {
  if (request.texts.empty()) return fail(Error(kTextsEmpty, "there is no text to embed").with_field("input"));
  if (request.texts.size() > options_.request_texts_max) {
    return fail(
        Error(kTooManyTexts, fmt::format("{} texts in one request, at most {} are taken", request.texts.size(), options_.request_texts_max))
            .with_field("input"));
  }
  for (std::size_t i = 0; i < request.texts.size(); ++i) TRY(check_text(request.texts[i], i));
  return {};
}

Result<> BatchingEmbeddingRunner::check_text(const std::vector<Token>& text, std::size_t index) const {
  const auto field = fmt::format("input[{}]", index);
  if (text.empty()) return fail(Error(kTextsEmpty, fmt::format("text {} has no token", index)).with_field(field));
  if (text.size() > text_tokens_max_) {
    return fail(Error(kTextTooLongToEmbed, fmt::format("text {} has {} tokens, the model takes {}", index, text.size(), text_tokens_max_))
                    .with_field(field));
  }
  if (info_.vocabulary_size == 0) return {};
  const auto unknown =
      std::ranges::find_if(text, [&](Token token) { return token < 0 || static_cast<std::uint32_t>(token) >= info_.vocabulary_size; });
  if (unknown == text.end()) return {};
  return fail(Error(kPromptTokenInvalid, fmt::format("token {} is not in the vocabulary of {}", *unknown, info_.vocabulary_size))
                  .with_field(field));
}

Result<> BatchingEmbeddingRunner::submit(EmbeddingRequest request, Done done) {
  TRY(check(request));
  Ticket ticket = std::move(request.ticket);
  const std::uint64_t serial = ++serials_;
  auto on_cancel = ticket.cancel.on_cancel([this, serial](CancelReason) {
    queue_.note_cancelled();
    step_watch_.note_cancelled(serial);
  });
  const auto queued = queue_.push(std::move(ticket), EmbeddingWork{std::move(request), std::move(done), serial, std::move(on_cancel)},
                                  context_.clock->now());
  if (!queued) {
    ++counters_.refused;
    context_.metrics->refused.increment();
    return queued;
  }
  ++counters_.accepted;
  return {};
}

RunnerStats BatchingEmbeddingRunner::stats() const {
  return {.queued = static_cast<std::uint32_t>(queue_.size()),
          .running = counters_.running,
          .workers = 1,
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

Result<std::unique_ptr<EmbeddingRunner>> EmbeddingRunner::open(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options,
                                                               RunnerContext context) {
  TRY(check(options));
  TRY_ASSIGN(auto session, model->open_text_session({.sequences_max = options.batch_texts_max,
                                                     .step_tokens_max = options.batch_tokens_max,
                                                     .embeddings = true,
                                                     .threads = options.threads}));
  return std::make_unique<BatchingEmbeddingRunner>(std::move(model), options, context, std::move(session));
}

}  // namespace forebay::scheduling
