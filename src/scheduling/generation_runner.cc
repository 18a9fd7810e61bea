#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "scheduling/admission_order.h"
#include "scheduling/disk_tier.h"
#include "scheduling/errors.h"
#include "scheduling/generation_loop.h"
#include "scheduling/request_limits.h"
#include "scheduling/runner_core.h"
#include "scheduling/runners.h"
#include "scheduling/session_layout.h"
#include "scheduling/worker_pool.h"

namespace forebay::scheduling {

namespace {

class LoopGenerationRunner final : public GenerationRunner {
 public:
  LoopGenerationRunner(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options, RunnerContext context,
                       const engines::GenerationSessionOptions& session, WorkerPool::Sessions sessions, std::unique_ptr<DiskTier> disk);
  ~LoopGenerationRunner() override;
  Result<std::shared_ptr<TokenChannel>> submit(GenerationRequest request) override;
  const engines::GenerationSessionInfo& session_info() const override { return info_; }
  std::size_t queue_requests_max() const override { return AdmissionOrder::full_at(options_.admission); }
  RunnerStats stats() const override;
  std::vector<DeadLetter> dead_letters() const override { return core_.ledger().dead_letters(); }
  std::string_view strategy() const override { return name_of(dispatcher().strategy()); }
  Result<> set_strategy(std::string_view name) override;
  Result<> set_workers(std::uint32_t count) override { return pool_.set_workers(count); }
  std::vector<WorkerListing> workers() const override { return dispatcher().listing(); }
  std::size_t clear_cache() override;

 private:
  using Core = RunnerCore<GenerationWork, Dispatcher>;
  Dispatcher& dispatcher() { return core_.queue(); }
  const Dispatcher& dispatcher() const { return core_.queue(); }
  void answer_unrun(Core::Taken& taken);
  Result<AdapterIndex> adapter_named(std::string_view name) const;
  void note_end(RequestLedger::Pass pass, std::uint64_t serial, const Ticket& ticket, const TokenEvent& last);
  GenerationSurroundings surroundings();
  std::function<void(SavedStatePointer)> to_disk();

  const std::shared_ptr<engines::LoadedModel> model_;
  const GenerationOptions options_;
  const engines::GenerationSessionInfo info_;
  const std::vector<Token> end_tokens_;
  std::atomic<std::uint64_t> serials_{StepWatch::kNobody};
  const std::unique_ptr<DiskTier> disk_;
  SavedStates saved_;
  const Clock& clock_;
  Core core_;
  WorkerPool pool_;
};

std::vector<Token> end_tokens_of(const text::Tokenizer& tokenizer) {
  std::vector<Token> tokens;
  for (Token token = 0; token < tokenizer.vocabulary_size(); ++token) {
    if (tokenizer.ends_generation(token)) tokens.push_back(token);
  }
  return tokens;
}

LoopGenerationRunner::LoopGenerationRunner(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options,
                                           RunnerContext context, const engines::GenerationSessionOptions& session,
                                           WorkerPool::Sessions sessions, std::unique_ptr<DiskTier> disk)
    : model_(std::move(model)),
      options_(options),
      info_(sessions.front().session->info()),
      end_tokens_(end_tokens_of(*model_->tokenizer())),
      disk_(std::move(disk)),
      saved_({.bytes_max = options.cache.ram_bytes_max}, context.budget, context.pressure, to_disk()),
      clock_(*context.clock),
      core_(
          std::move(context), options, [this](auto& taken) { answer_unrun(taken); }, clock_,
          routing_strategy_named(options.strategy).value_or(RoutingStrategy::kLeastLoaded)),
      pool_(model_, options_, session, surroundings(), std::move(sessions)) {}

std::function<void(SavedStatePointer)> LoopGenerationRunner::to_disk() {
  if (!disk_) return {};
  return [folder = &disk_->folder()](const SavedStatePointer& state) { folder->put(state); };
}

GenerationSurroundings LoopGenerationRunner::surroundings() {
  return {.context = core_.context(),
          .tokenizer = model_->tokenizer(),
          .end_tokens = &end_tokens_,
          .dispatcher = &dispatcher(),
          .counters = &core_.ledger().counters,
          .lower = {.ram = &saved_, .disk = disk_ ? &disk_->folder() : nullptr, .fetched = [this] { dispatcher().nudge(); }}};
}

LoopGenerationRunner::~LoopGenerationRunner() {
  core_.close();
  pool_.stop();
  if (disk_) disk_->close(saved_.take_all(), *core_.context().clock);
  core_.finish();
}

void LoopGenerationRunner::answer_unrun(Core::Taken& taken) {
  auto& counters = core_.ledger().counters;
  ++(taken.ticket.cancel.cancelled() ? counters.cancelled : counters.failed);
  answer_unstarted(taken.work, taken.ticket, *taken.error, taken.waited);
}

// Every stream ends in its channel, whoever ends it.
void LoopGenerationRunner::note_end(RequestLedger::Pass pass, std::uint64_t serial, const Ticket& ticket, const TokenEvent& last) {
  const ServiceEffort effort{.attempts = pool_.forget(serial), .tokens_generated = last.usage.generated_tokens};
  core_.ledger().note_end(pass, ticket, last.error ? &*last.error : nullptr, effort);
}

Result<AdapterIndex> LoopGenerationRunner::adapter_named(std::string_view name) const {
  if (name.empty()) return 0;
  const auto& adapters = core_.context().adapters;
  const auto found = std::ranges::find(adapters, name, &AdapterSource::name);
  if (found == adapters.end())
    return fail(Error(kAdapterUnknown, fmt::format("the model has no adapter '{}'", name.substr(0, 64))).with_field("adapter"));
  return static_cast<AdapterIndex>(found - adapters.begin()) + 1;
}

// The whole answer of a request without an answer text.
std::shared_ptr<TokenChannel> prompt_alone(const GenerationRequest& request) {
  auto channel = std::make_shared<TokenChannel>(1);
  TokenEvent event{.kind = TokenEvent::Kind::kFinished, .finish_reason = FinishReason::kLength};
  event.usage.prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
  event.seed = request.sampling.seed.value_or(0);
  channel->push(std::move(event));
  return channel;
}

Result<std::shared_ptr<TokenChannel>> LoopGenerationRunner::submit(GenerationRequest request) {
  TRY(check(request, info_));
  TRY_ASSIGN(const AdapterIndex adapter, adapter_named(request.adapter));
  if (request.prompt_only) return prompt_alone(request);
  const std::size_t dropped = fit_to_context(request, info_, options_.tokens_default);
  TRY_ASSIGN(const auto pass, core_.admit(request.ticket));
  auto made = model_->make_sampler(request.sampling);
  if (!made) {
    core_.ledger().give_back(pass);
    return std::unexpected(std::move(made).error());
  }
  auto sampler = *std::move(made);
  sampler->accept_prompt(request.prompt);
  const std::uint64_t serial = ++serials_;
  Ticket ticket = std::move(request.ticket);
  const CacheScope scope = scope_of(ticket, core_.context());
  auto channel = std::make_shared<TokenChannel>(
      options_.channel_events_max, [this, pass, serial, ticket](const TokenEvent& last) { note_end(pass, serial, ticket, last); });
  auto on_cancel = ticket.cancel.on_cancel([this, serial](CancelReason) {
    core_.queue().note_cancelled();
    pool_.note_cancelled(serial);
  });
  auto prompt = std::make_shared<const std::vector<Token>>(std::move(request.prompt));
  GenerationWork work{std::move(request),
                      std::move(sampler),
                      channel,
                      core_.context().clock->now(),
                      serial,
                      std::move(on_cancel),
                      static_cast<std::uint32_t>(dropped),
                      {adapter, scope},
                      std::move(prompt)};
  TRY(core_.enqueue(pass, std::move(ticket), std::move(work)));
  pool_.note_request();
  return channel;
}

Result<> LoopGenerationRunner::set_strategy(std::string_view name) {
  const auto strategy = routing_strategy_named(name);
  if (!strategy) {
    return fail(Error(kSchedulingOptionInvalid,
                      fmt::format("'{}' is no strategy; there are round_robin, least_loaded, memory_aware and prefix_affinity", name))
                    .with_field("strategy"));
  }
  dispatcher().set_strategy(*strategy);
  return {};
}

std::size_t LoopGenerationRunner::clear_cache() {
  const PrefixCacheStats before = stats().prefix_cache;
  ++core_.ledger().counters.cache_clears;
  saved_.clear();
  if (disk_) disk_->folder().clear();
  dispatcher().nudge();
  return before.cells.entries + before.ram.entries + before.disk.entries;
}

RunnerStats LoopGenerationRunner::stats() const {
  RunnerStats stats = core_.stats(pool_.worker_count());
  stats.running += static_cast<std::uint32_t>(dispatcher().moved());
  stats.session_bytes = pool_.session_bytes();
  stats.restarts = pool_.restarts();
  stats.retries = pool_.retries();
  stats.preempted = core_.ledger().counters.preempted;
  stats.worker_list = dispatcher().listing();
  stats.prefix_cache = core_.ledger().counters.prefix.snapshot();
  stats.prefix_cache.ram = saved_.stats();
  if (disk_) {
    const std::uint64_t hits = stats.prefix_cache.disk.hits;
    stats.prefix_cache.disk = disk_->folder().stats();
    stats.prefix_cache.disk.hits = hits;
  }
  return stats;
}

}  // namespace

Result<std::unique_ptr<GenerationRunner>> GenerationRunner::open(std::shared_ptr<engines::LoadedModel> model,
                                                                 const GenerationOptions& options, RunnerContext context) {
  TRY(check(options));
  if (model->tokenizer() == nullptr) return fail(kModelHasNoTokenizer, "the model has no tokenizer, so it cannot generate text");
  const engines::GenerationSessionOptions session = session_options(*model, options, context.budget);
  WorkerPool::Sessions sessions;
  for (std::uint32_t i = 0; i < options.workers; ++i) {
    TRY_ASSIGN(auto memory, WorkerPool::reserve_session(*model, session, context));
    TRY_ASSIGN(auto opened, model->open_generation_session(session), fmt::format("opening worker {}", i));
    sessions.push_back({std::move(memory), std::move(opened)});
  }
  // A bad one is refused now, not when it is first asked for.
  engines::GenerationSession& first = *sessions.front().session;
  for (const AdapterSource& adapter : context.adapters) {
    const engines::GenerationSession::Adapter tried{adapter.path, adapter.scale};
    TRY(first.set_adapters({&tried, 1}), fmt::format("loading adapter '{}'", adapter.name));
  }
  if (!context.adapters.empty()) TRY(first.set_adapters({}));
  TRY_ASSIGN(auto disk, DiskTier::open(options.cache, context, first.info()));
  return std::make_unique<LoopGenerationRunner>(std::move(model), options, std::move(context), session, std::move(sessions),
                                                std::move(disk));
}

}  // namespace forebay::scheduling
