#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/executor.h"
#include "scheduling/errors.h"
#include "scheduling/generation_loop.h"
#include "scheduling/logprobs.h"
#include "scheduling/queue_watch.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {

namespace {

// A worker: a thread, its loop, and the way to end the loop's step.
struct GenerationWorker {
  StepWatch watch;
  std::unique_ptr<GenerationLoop> loop;  // the thread destroys it
  std::thread thread;
};

class LoopGenerationRunner final : public GenerationRunner {
 public:
  using Sessions = std::vector<std::unique_ptr<engines::TextSession>>;
  LoopGenerationRunner(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options, RunnerContext context,
                       Sessions sessions);
  ~LoopGenerationRunner() override;
  Result<std::shared_ptr<TokenChannel>> submit(GenerationRequest request) override;
  const engines::TextSessionInfo& session_info() const override { return info_; }
  RunnerStats stats() const override;

 private:
  Result<> check(const GenerationRequest& request) const;
  void resolve_limits(GenerationRequest& request) const;
  Result<> enqueue(GenerationWork work, Instant now);
  void work(GenerationWorker& worker);
  void answer_dead(AdmissionQueue<GenerationWork>::Taken dead);

  const std::shared_ptr<engines::LoadedModel> model_;
  const GenerationOptions options_;
  const telemetry::ModelMetrics uncounted_;
  RunnerContext context_;
  const engines::TextSessionInfo info_;
  std::vector<Token> end_tokens_;
  RunnerCounters counters_;
  std::atomic<std::uint64_t> serials_{StepWatch::kNobody};
  GenerationQueue queue_;
  std::vector<std::unique_ptr<GenerationWorker>> workers_;
  std::optional<QueueWatch<GenerationWork>> watch_;
};

std::vector<Token> end_tokens_of(const text::Tokenizer& tokenizer) {
  std::vector<Token> tokens;
  for (Token token = 0; token < tokenizer.vocabulary_size(); ++token) {
    if (tokenizer.ends_generation(token)) tokens.push_back(token);
  }
  return tokens;
}

LoopGenerationRunner::LoopGenerationRunner(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options,
                                           RunnerContext context, Sessions sessions)
    : model_(std::move(model)),
      options_(options),
      context_(context),
      info_(sessions.front()->info()),
      end_tokens_(end_tokens_of(*model_->tokenizer())),
      queue_(options.admission) {
  if (context_.metrics == nullptr) context_.metrics = const_cast<telemetry::ModelMetrics*>(&uncounted_);
  for (auto& session : sessions) {
    auto worker = std::make_unique<GenerationWorker>();
    worker->loop = std::make_unique<GenerationLoop>(
        std::move(session), options_,
        GenerationSurroundings{context_, model_->tokenizer(), &end_tokens_, &queue_, &worker->watch, &counters_});
    workers_.push_back(std::move(worker));
  }
  context_.metrics->cells_max.set(counters_.cells_max);
  for (auto& worker : workers_) worker->thread = std::thread([this, &worker = *worker] { work(worker); });
  watch_.emplace(queue_, *context_.clock, [this](auto dead) { answer_dead(std::move(dead)); });
}

LoopGenerationRunner::~LoopGenerationRunner() {
  queue_.close();
  for (auto& worker : workers_) worker->watch.stop();
  for (auto& worker : workers_) worker->thread.join();
  watch_.reset();
  const Error shutting_down(kShuttingDown, "the model is being unloaded");
  while (auto left = queue_.with([&](auto& queue) { return queue.take(context_.clock->now()); })) {
    if (!left->error) left->error = shutting_down;
    answer_dead(*std::move(left));
  }
}

void LoopGenerationRunner::work(GenerationWorker& worker) {
  name_this_thread("generate");
  std::uint64_t seen = queue_.changes();
  while (!queue_.closed()) {
    if (worker.loop->run_once()) continue;
    // Whatever changed since the last look is looked at again before waiting.
    const std::uint64_t now = queue_.changes();
    seen = now == seen ? queue_.wait(seen) : now;
  }
  worker.loop.reset();
}

void LoopGenerationRunner::answer_dead(AdmissionQueue<GenerationWork>::Taken dead) {
  ++(dead.ticket.cancel.cancelled() ? counters_.cancelled : counters_.failed);
  context_.metrics->queue_seconds.observe(std::chrono::duration<double>(dead.waited).count());
  answer_unstarted(dead.work, dead.ticket, *dead.error, dead.waited);
}

Result<> LoopGenerationRunner::check(const GenerationRequest& request) const {
  if (request.prompt.empty()) return fail(Error(kPromptEmpty, "the prompt has no token").with_field("prompt"));
  if (request.prompt.size() >= info_.sequence_tokens_max) {
    return fail(Error(kPromptTooLong, fmt::format("the prompt has {} tokens, and the model's context of {} leaves room for {}",
                                                  request.prompt.size(), info_.sequence_tokens_max, info_.sequence_tokens_max - 1))
                    .with_field("prompt"));
  }
  const auto unknown = std::ranges::find_if(
      request.prompt, [&](Token token) { return token < 0 || static_cast<std::uint32_t>(token) >= info_.vocabulary_size; });
  if (unknown != request.prompt.end()) {
    return fail(Error(kPromptTokenInvalid, fmt::format("token {} is not in the vocabulary of {}", *unknown, info_.vocabulary_size))
                    .with_field("prompt"));
  }
  if (request.tokens_max > 0 && request.tokens_min > request.tokens_max) {
    return fail(
        Error(kTokenLimitsInvalid, fmt::format("at least {} and at most {} tokens are asked for", request.tokens_min, request.tokens_max))
            .with_field("min_tokens"));
  }
  if (request.logprobs > kLogprobsMax) {
    return fail(
        Error(kLogprobsInvalid, fmt::format("{} alternatives a token are asked for, at most {} are given", request.logprobs, kLogprobsMax))
            .with_field("logprobs"));
  }
  const text::StreamTextLimits limits;
  const bool too_many = request.stop_strings.size() > limits.stop_strings_max || request.stop_tokens.size() > limits.stop_strings_max;
  const bool any_wrong = std::ranges::any_of(request.stop_strings,
                                             [&](const auto& stop) { return stop.empty() || stop.size() > limits.stop_string_bytes_max; });
  if (too_many || any_wrong) {
    return fail(Error(kStopInvalid, fmt::format("at most {} stop strings of 1 to {} bytes are taken", limits.stop_strings_max,
                                                limits.stop_string_bytes_max))
                    .with_field("stop"));
  }
  return {};
}

void LoopGenerationRunner::resolve_limits(GenerationRequest& request) const {
  const auto room = info_.sequence_tokens_max - static_cast<std::uint32_t>(request.prompt.size());
  if (request.tokens_max == 0) request.tokens_max = options_.tokens_default;
  if (request.tokens_max == 0) request.tokens_max = room;
  request.tokens_max = std::min(request.tokens_max, room);
  if (request.logprobs > 0) request.wants_logprobs = true;
}

Result<std::shared_ptr<TokenChannel>> LoopGenerationRunner::submit(GenerationRequest request) {
  TRY(check(request));
  resolve_limits(request);
  TRY_ASSIGN(auto sampler, model_->make_sampler(request.sampling));
  sampler->accept_prompt(request.prompt);
  auto channel = std::make_shared<TokenChannel>(options_.channel_events_max);
  const Instant now = context_.clock->now();
  GenerationWork work{std::move(request), std::move(sampler), channel, now, ++serials_, {}};
  auto queued = enqueue(std::move(work), now);
  if (!queued) {
    ++counters_.refused;
    context_.metrics->refused.increment();
    return fail(std::move(queued).error());
  }
  ++counters_.accepted;
  context_.metrics->queued.set(static_cast<double>(queue_.size()));
  return channel;
}

Result<> LoopGenerationRunner::enqueue(GenerationWork work, Instant now) {
  Ticket ticket = std::move(work.request.ticket);
  const std::uint64_t serial = work.serial;
  work.on_cancel = ticket.cancel.on_cancel([this, serial](CancelReason) {
    queue_.note_cancelled();
    for (auto& worker : workers_) worker->watch.note_cancelled(serial);
  });
  return queue_.push(std::move(ticket), std::move(work), now);
}

RunnerStats LoopGenerationRunner::stats() const {
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
          .cells_used = counters_.cells_used,
          .cells_max = counters_.cells_max,
          .accepting = queue_.accepting()};
}

}  // namespace

Result<std::unique_ptr<GenerationRunner>> GenerationRunner::open(std::shared_ptr<engines::LoadedModel> model,
                                                                 const GenerationOptions& options, RunnerContext context) {
  TRY(check(options));
  if (model->tokenizer() == nullptr) return fail(kModelHasNoTokenizer, "the model has no tokenizer, so it cannot generate text");
  LoopGenerationRunner::Sessions sessions;
  const std::size_t threads = options.threads > 0 ? options.threads : std::max<std::size_t>(1, usable_cores() / options.workers);
  for (std::uint32_t i = 0; i < options.workers; ++i) {
    TRY_ASSIGN(auto session,
               model->open_text_session({.context_tokens = options.context_tokens,
                                         .sequences_max = options.sequences_max,
                                         .step_tokens_max = options.step_tokens_max,
                                         .unified_cells = options.unified_cells,
                                         .threads = threads}),
               fmt::format("opening worker {}", i));
    sessions.push_back(std::move(session));
  }
  return std::make_unique<LoopGenerationRunner>(std::move(model), options, context, std::move(sessions));
}

}  // namespace forebay::scheduling
