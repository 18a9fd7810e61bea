#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/executor.h"
#include "scheduling/embedding_batcher.h"
#include "scheduling/errors.h"
#include "scheduling/runner_core.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {

namespace {

class BatchingEmbeddingRunner final : public EmbeddingRunner {
 public:
  BatchingEmbeddingRunner(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options, RunnerContext context,
                          std::unique_ptr<engines::EmbeddingSession> session);
  ~BatchingEmbeddingRunner() override;
  Result<> submit(EmbeddingRequest request, Done done) override;
  std::size_t clear_cache() override { return 0; }  // it keeps none
  const engines::EmbeddingSessionInfo& session_info() const override { return info_; }
  std::size_t request_texts_max() const override { return options_.request_texts_max; }
  RunnerStats stats() const override { return core_.stats(1); }
  std::vector<DeadLetter> dead_letters() const override { return core_.ledger().dead_letters(); }

 private:
  using Core = RunnerCore<EmbeddingWork>;
  Result<> check(const EmbeddingRequest& request) const;
  Result<> check_text(const std::vector<Token>& text, std::size_t index) const;
  void work();
  void answer_unrun(Core::Taken& taken);

  const std::shared_ptr<engines::LoadedModel> model_;
  const EmbeddingOptions options_;
  const engines::EmbeddingSessionInfo info_;
  std::atomic<std::uint64_t> serials_{StepWatch::kNobody};
  Core core_;
  StepWatch step_watch_;
  std::unique_ptr<EmbeddingBatcher> batcher_;  // its thread destroys it
  std::thread thread_;
};

BatchingEmbeddingRunner::BatchingEmbeddingRunner(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options,
                                                 RunnerContext context, std::unique_ptr<engines::EmbeddingSession> session)
    : model_(std::move(model)),
      options_(options),
      info_(session->info()),
      core_(std::move(context), options, [this](auto& taken) { answer_unrun(taken); }) {
  const EmbeddingSurroundings surroundings{core_.context(), &core_.queue(), &step_watch_, &core_.ledger()};
  batcher_ = std::make_unique<EmbeddingBatcher>(std::move(session), options_, surroundings);
  thread_ = std::thread([this] { work(); });
}

BatchingEmbeddingRunner::~BatchingEmbeddingRunner() {
  core_.close();
  step_watch_.stop();
  thread_.join();
  core_.finish();
}

void BatchingEmbeddingRunner::work() {
  name_this_thread("embed");
  keep_thread_on(core_.context().processors);
  auto& queue = core_.queue();
  std::uint64_t seen = queue.changes();
  while (!queue.closed()) {
    if (batcher_->run_once()) continue;
    const std::uint64_t now = queue.changes();
    if (now == seen) batcher_->rest();
    seen = now == seen ? queue.wait(seen) : now;
  }
  batcher_.reset();
}

void BatchingEmbeddingRunner::answer_unrun(Core::Taken& taken) {
  core_.ledger().count_end(taken.work.pass, taken.ticket, &*taken.error);
  taken.work.on_cancel = {};
  taken.work.done(fail(*std::move(taken.error)));
}

Result<> BatchingEmbeddingRunner::check(const EmbeddingRequest& request) const {
  if (request.texts.empty()) return fail(Error(kTextsEmpty, "there is no text to embed").with_field("input"));
  if (request.texts.size() > options_.request_texts_max) {
    return fail(
        Error(kTooManyTexts, fmt::format("{} texts in one request, at most {} are taken", request.texts.size(), options_.request_texts_max))
            .with_field("input"));
  }
  if (!request.second_from.empty() && request.second_from.size() != request.texts.size())
    return fail(Error(kTextsEmpty, "the pairs do not all say where their second text begins").with_field("input"));
  for (std::size_t i = 0; i < request.texts.size(); ++i) TRY(check_text(request.texts[i], i));
  return {};
}

Result<> BatchingEmbeddingRunner::check_text(const std::vector<Token>& text, std::size_t index) const {
  const auto field = fmt::format("input[{}]", index);
  if (text.empty()) return fail(Error(kTextsEmpty, fmt::format("text {} has no token", index)).with_field(field));
  if (text.size() > info_.text_tokens_max) {
    return fail(
        Error(kTextTooLongToEmbed, fmt::format("text {} has {} tokens, the model takes {}", index, text.size(), info_.text_tokens_max))
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
  TRY_ASSIGN(const auto pass, core_.admit());
  Ticket ticket = std::move(request.ticket);
  const std::uint64_t serial = ++serials_;
  auto on_cancel = ticket.cancel.on_cancel([this, serial](CancelReason) {
    core_.queue().note_cancelled();
    step_watch_.note_cancelled(serial);
  });
  return core_.enqueue(pass, std::move(ticket), EmbeddingWork{std::move(request), std::move(done), serial, pass, std::move(on_cancel)});
}

}  // namespace

Result<std::unique_ptr<EmbeddingRunner>> EmbeddingRunner::open(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options,
                                                               RunnerContext context) {
  TRY(check(options));
  TRY_ASSIGN(auto session,
             model->open_embedding_session(
                 {.batch_texts_max = options.batch_texts_max, .batch_tokens_max = options.batch_tokens_max, .threads = options.threads}));
  return std::make_unique<BatchingEmbeddingRunner>(std::move(model), options, std::move(context), std::move(session));
}

}  // namespace forebay::scheduling
