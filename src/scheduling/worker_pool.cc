#include "scheduling/worker_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/executor.h"
#include "base/log.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {

namespace {
// Blocks of prompts that are remembered for prefix_affinity: a million tokens, a few MB.
constexpr std::size_t kDirectoryBlocks = 32'768;
// Idle time before a worker saves finished sequences to RAM. Short pauses between two requests of one client are not used for this.
constexpr auto kSettled = std::chrono::milliseconds(50);

std::optional<Instant> earlier(std::optional<Instant> one, std::optional<Instant> other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}
}  // namespace

struct WorkerPool::Worker {
  Worker(std::uint64_t number, const HealthOptions& options, const Clock& clock, ByteBudget::Reservation reserved)
      : id(number), watch(&clock), health(options), memory(std::move(reserved)) {}

  const std::uint64_t id;
  StepWatch watch;
  // Its thread's own.
  std::unique_ptr<GenerationLoop> loop;
  std::uint64_t steps_seen = 0;
  std::uint32_t failures_seen = 0;
  Instant idle_from{};  // when it last did something
  // Under the roster's lock.
  WorkerHealth health;
  WorkerLoad load;
  std::uint32_t parked = 0;
  std::uint32_t taken = 0;      // requests since the load was told
  std::size_t cells_taken = 0;  // … and the cells they will need soon
  std::uint64_t declined = 0;   // the last request it had no cells for
  PrefixDirectory::Holder holder = 0;
  bool open = false;
  bool draining = false;
  bool left = false;  // its thread does nothing more
  Instant drained_until{};
  std::uint64_t steps = 0;
  ByteBudget::Reservation memory;  // of its session; given back when it has left
  // Whoever makes, reaps or destroys.
  std::thread thread;
};

WorkerPool::Roster::Roster(const GenerationOptions& options)
    : router(routing_strategy_named(options.strategy).value_or(RoutingStrategy::kLeastLoaded)), retry(options.retry) {}

WorkerPool::WorkerPool(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options,
                       const engines::GenerationSessionOptions& session, const GenerationSurroundings& surroundings, Sessions sessions)
    : model_(std::move(model)),
      options_(options),
      session_options_(session),
      surroundings_(surroundings),
      clock_(*surroundings.context.clock),
      queue_(*surroundings.queue),
      directory_(kDirectoryBlocks),
      roster_(Roster(options)) {
  std::vector<std::shared_ptr<Worker>> workers;
  for (auto& own : sessions) {
    workers.push_back(make_worker(std::move(own.memory)));
    start(*workers.back(), std::move(own.session));
  }
  auto roster = roster_.lock();
  roster->workers = workers;
  for (auto& worker : workers) worker->thread = std::thread([this, worker] { work(*worker); });
}

WorkerPool::~WorkerPool() = default;

void WorkerPool::stop() {
  auto roster = roster_.lock();
  const auto workers = std::exchange(roster->workers, {});
  roster.unlock();
  for (const auto& worker : workers) worker->watch.stop();
  for (const auto& worker : workers) worker->thread.join();
  auto left = roster_.lock();
  const auto homeless = std::exchange(left->homeless, {});
  left.unlock();
  for (const auto& sequence : homeless) end(*sequence, Error(kShuttingDown, "the model is being unloaded"));
}

std::shared_ptr<WorkerPool::Worker> WorkerPool::make_worker(ByteBudget::Reservation memory) {
  return std::make_shared<Worker>(next_id_++, options_.health, clock_, std::move(memory));
}

Result<ByteBudget::Reservation> WorkerPool::reserve_session(const engines::LoadedModel& model, const engines::GenerationSessionOptions& options,
                                                            const RunnerContext& context) {
  if (context.budget == nullptr) return ByteBudget::Reservation();
  return context.budget->reserve(model.generation_session_bytes(options), fmt::format("a worker of model '{}'", context.model),
                                 ByteBudget::Shortage::kReclaim);
}

// --- who takes what ---------------------------------------------------------------------------------------------------

WorkerSnapshot WorkerPool::snapshot_of(Worker& worker, Instant now, std::uint64_t serial) const {
  if (const auto since = worker.watch.running_since()) worker.health.step_began(*since);
  const std::uint32_t running = worker.load.sequences + worker.taken;
  const std::size_t needed = worker.load.cells_needed + worker.cells_taken;
  const bool crowded = worker.parked > 0 || (serial != StepWatch::kNobody && worker.declined == serial);
  const bool on_probation = worker.health.state(now) == WorkerState::kProbation;
  return {.healthy = worker.open && !worker.left && worker.health.in_rotation(now),
          .draining = worker.draining,
          .declines = running > 0 && crowded,
          .running = running,
          .sequences_max = on_probation ? 1 : worker.load.sequences_max,
          .cells_free = worker.load.cells_max - std::min<std::size_t>(worker.load.cells_max, needed),
          .cells_max = worker.load.cells_max};
}

std::vector<WorkerSnapshot> WorkerPool::snapshots(const Roster& roster, std::uint64_t serial) const {
  const Instant now = clock_.now();
  std::vector<WorkerSnapshot> all;
  all.reserve(roster.workers.size());
  for (const auto& worker : roster.workers) all.push_back(snapshot_of(*worker, now, serial));
  return all;
}

Routing WorkerPool::route(Worker& worker, const GenerationWork& work) {
  auto roster = roster_.lock();
  // Every worker tries a blocked request in each round, whatever the strategy says.
  if (roster->blocked == work.serial)
    return snapshot_of(worker, clock_.now(), StepWatch::kNobody).takes() ? Routing::kHere : Routing::kBlocked;
  auto all = snapshots(*roster, work.serial);
  if (roster->router.strategy() == RoutingStrategy::kPrefixAffinity && all.size() > 1) {
    std::vector<PrefixDirectory::Holder> holders;
    for (const auto& one : roster->workers) holders.push_back(one->holder);
    const auto known = directory_.longest(work.prompt(), holders);
    for (std::size_t i = 0; i < all.size(); ++i) all[i].prefix_tokens = known[i];
  }
  const auto chosen = roster->router.choose(all);
  if (!chosen) return Routing::kBlocked;
  return roster->workers[*chosen].get() == &worker ? Routing::kHere : Routing::kElsewhere;
}

void WorkerPool::note_offer(Worker& worker, const GenerationWork& work, bool takes) {
  auto roster = roster_.lock();
  if (!takes && worker.declined == work.serial) return;
  if (roster->workers.size() > 1) queue_.stir();
  if (!takes) {
    worker.declined = work.serial;
    if (!roster->router.choose(snapshots(*roster, work.serial))) roster->blocked = work.serial;
    return;
  }
  ++worker.taken;
  worker.cells_taken += cells_soon_of(work);
  const auto place = std::ranges::find(roster->workers, &worker, &std::shared_ptr<Worker>::get);
  if (place != roster->workers.end()) roster->router.placed(static_cast<std::size_t>(place - roster->workers.begin()));
  if (roster->router.strategy() == RoutingStrategy::kPrefixAffinity) directory_.note(worker.holder, work.prompt());
}

// The same measure as the loop's own.
std::size_t WorkerPool::cells_soon_of(const GenerationWork& work) {
  return work.request.prompt.size() + std::min<std::size_t>(work.request.tokens_max, GenerationLoop::kCellsAhead);
}

// --- a worker's thread ------------------------------------------------------------------------------------------------

void WorkerPool::work(Worker& worker) {
  name_this_thread("generate");
  keep_thread_on(surroundings_.context.processors);
  std::uint64_t seen = queue_.changes();
  while (!queue_.closed()) {
    bool did_something = false;
    if (worker.loop || open(worker)) {
      take_over(worker);
      did_something = worker.loop->run_once();
      if (note_round(worker, did_something)) break_down(worker);
    }
    if (leave_if_drained(worker)) break;
    end_dead_homeless();
    if (did_something) {
      worker.idle_from = clock_.now();
      // What this round changed may make a waiting request somebody else's.
      if ((queue_.size() > 0 || homeless_ > 0) && worker_count() > 1) queue_.nudge();
      continue;
    }
    // Whatever changed since the last look is looked at again before waiting.
    const std::uint64_t now = queue_.changes();
    if (now == seen && use_idle_time(worker)) continue;
    seen = now == seen ? queue_.wait(seen, wake_at(worker)) : now;
  }
  if (worker.loop && surroundings_.lower.disk != nullptr) worker.loop->close();
  worker.loop.reset();
}

void WorkerPool::start(Worker& worker, std::unique_ptr<engines::GenerationSession> session) {
  GenerationSurroundings surroundings = surroundings_;
  surroundings.watch = &worker.watch;
  surroundings.route = [this, &worker](const GenerationWork& work) { return route(worker, work); };
  surroundings.offered = [this, &worker](const GenerationWork& work, bool takes) { note_offer(worker, work, takes); };
  worker.loop = std::make_unique<GenerationLoop>(std::move(session), options_, surroundings);
  surroundings_.context.metrics->cells_max.set(surroundings_.counters->cells_max);
  worker.steps_seen = 0;
  worker.failures_seen = 0;
  auto roster = roster_.lock();
  worker.holder = next_id_++;
  worker.load = worker.loop->load();
  worker.open = true;
}

// False while it is not time yet, or when it failed.
bool WorkerPool::open(Worker& worker) {
  {
    auto roster = roster_.lock();
    if (worker.draining || worker.health.restart_at() > clock_.now()) return false;
  }
  auto session = model_->open_generation_session(session_options_);
  if (!session) {
    log::warning("a worker's session cannot be opened",
                 {{"worker", fmt::to_string(worker.id)}, {"error", session.error().to_log_string()}});
    auto roster = roster_.lock();
    worker.health.session_lost(clock_.now());
    return false;
  }
  start(worker, *std::move(session));
  auto roster = roster_.lock();
  if (worker.health.needs_restart()) {
    worker.health.session_opened();
    ++restarts_;
  }
  return true;
}

// Of the texts that lost their worker, those for which this is the least loaded one.
void WorkerPool::take_over(Worker& worker) {
  while (homeless_ > 0) {
    std::unique_ptr<Sequence> sequence;
    {
      auto roster = roster_.lock();
      if (roster->homeless.empty()) return;
      const std::size_t cells = roster->homeless.front()->cells_after(GenerationLoop::kCellsAhead);
      const auto chosen = WorkerRouter(RoutingStrategy::kLeastLoaded).choose(snapshots(*roster, StepWatch::kNobody));
      if (!chosen || roster->workers[*chosen].get() != &worker) return;
      sequence = std::move(roster->homeless.front());
      roster->homeless.pop_front();
      homeless_ = roster->homeless.size();
      ++worker.taken;
      worker.cells_taken += cells;
    }
    worker.loop->adopt(std::move(sequence));
  }
}

// Tells the roster what the round did. True when the worker is broken.
bool WorkerPool::note_round(Worker& worker, bool did_something) {
  const GenerationLoop& loop = *worker.loop;
  const bool failed = loop.failures_in_a_row() > worker.failures_seen;
  const bool worked = loop.steps_done() > worker.steps_seen;
  worker.failures_seen = loop.failures_in_a_row();
  worker.steps_seen = loop.steps_done();
  const WorkerLoad load = loop.load();
  const Instant now = clock_.now();
  auto roster = roster_.lock();
  if (load.sequences < worker.load.sequences + worker.taken || loop.parked() < worker.parked) worker.declined = StepWatch::kNobody;
  worker.load = load;
  worker.parked = static_cast<std::uint32_t>(loop.parked());
  worker.taken = 0;
  worker.cells_taken = 0;
  worker.steps += worked;
  if (failed) return worker.health.step_failed(loop.failed_last(), now);
  if (worked)
    worker.health.step_succeeded(now);
  else if (did_something)
    worker.health.step_returned(now);
  return false;
}

void WorkerPool::break_down(Worker& worker) {
  const Error failure = worker.loop->failure().value_or(Error(kInternalError, "the engine failed"));
  log::warning("a worker is restarted", {{"worker", fmt::to_string(worker.id)}, {"error", failure.to_log_string()}});
  hand_over(give_up(worker), &failure);
}

WorkerPool::Sequences WorkerPool::give_up(Worker& worker) {
  if (!worker.loop) return {};
  Sequences sequences = worker.loop->give_up_all();
  worker.loop.reset();
  surroundings_.context.metrics->cells_max.set(surroundings_.counters->cells_max);
  auto roster = roster_.lock();
  worker.open = false;
  worker.load = {};
  worker.parked = worker.taken = 0;
  worker.cells_taken = 0;
  return sequences;
}

bool WorkerPool::leave_if_drained(Worker& worker) {
  {
    auto roster = roster_.lock();
    const bool busy = worker.open && worker.load.sequences > 0;
    if (!worker.draining || (busy && clock_.now() < worker.drained_until)) return false;
    worker.left = true;
  }
  if (worker.loop) worker.loop->save_finished();
  hand_over(give_up(worker), nullptr);
  auto roster = roster_.lock();
  worker.memory.release();
  return true;
}

// A worker that waits is the place for what would make a request wait later. True when it did some of that.
bool WorkerPool::use_idle_time(Worker& worker) {
  if (!worker.loop) return false;
  worker.loop->rest();
  if (!worker.loop->can_save_ahead() || clock_.now() < worker.idle_from + kSettled) return false;
  worker.loop->save_ahead();
  return true;
}

// When a worker that waits has to look again although nothing has changed.
std::optional<Instant> WorkerPool::wake_at(const Worker& worker) {
  auto roster = roster_.lock();
  std::optional<Instant> until = worker.open ? std::nullopt : worker.health.restart_at();
  if (worker.loop && worker.loop->can_save_ahead()) until = earlier(until, worker.idle_from + kSettled);
  for (const auto& sequence : roster->homeless) until = earlier(until, sequence->ticket().deadline);
  if (queue_.size() == 0 && roster->homeless.empty()) return until;
  for (const auto& other : roster->workers) {
    const auto since = other->watch.running_since();
    if (!since) continue;
    const Instant stalls = *since + options_.health.step_stalled_after + std::chrono::milliseconds(1);
    if (stalls > clock_.now()) until = earlier(until, stalls);
  }
  return until;
}

// --- between two workers ----------------------------------------------------------------------------------------------

// With a failure each move is a retry; who may not be retried ends with it.
void WorkerPool::hand_over(Sequences sequences, const Error* failure) {
  Sequences failing;
  const Instant now = clock_.now();
  {
    auto roster = roster_.lock();
    for (auto& sequence : sequences) {
      auto& attempts = roster->attempts.try_emplace(sequence->serial(), 1U).first->second;
      if (failure != nullptr && (attempts >= options_.retry.attempts_max || !roster->retry.take(now))) {
        failing.push_back(std::move(sequence));
        continue;
      }
      ++attempts;
      retries_ += failure != nullptr;
      roster->homeless.push_back(std::move(sequence));
    }
    homeless_ = roster->homeless.size();
  }
  for (auto& sequence : failing) end(*sequence, *failure);
  queue_.nudge();
}

void WorkerPool::end_dead_homeless() {
  if (homeless_ == 0) return;
  Sequences dead;
  const Instant now = clock_.now();
  {
    auto roster = roster_.lock();
    std::erase_if(roster->homeless, [&](auto& sequence) {
      const Ticket& ticket = sequence->ticket();
      if (!ticket.cancel.cancelled() && (!ticket.deadline || *ticket.deadline > now)) return false;
      dead.push_back(std::move(sequence));
      return true;
    });
    homeless_ = roster->homeless.size();
  }
  for (auto& sequence : dead) {
    if (!sequence->ticket().cancel.cancelled()) sequence->end_at_deadline(now);
    end(*sequence, Error(kDeadlinePassed, "the deadline passed while the text was being generated"));
  }
}

// Nothing more is said to a sequence that has ended.
void WorkerPool::end(Sequence& sequence, const Error& error) {
  const Instant now = clock_.now();
  if (sequence.ticket().cancel.cancelled()) sequence.end_cancelled(now);
  sequence.fail(error, now);
  auto& counters = *surroundings_.counters;
  if (sequence.ticket().cancel.cancelled())
    ++counters.cancelled;
  else
    ++(sequence.finish_reason() == FinishReason::kError ? counters.failed : counters.finished);
  queue_.finished(now);
}

// --- from outside -----------------------------------------------------------------------------------------------------

void WorkerPool::note_request() {
  auto roster = roster_.lock();
  roster->retry.note_request();
}

std::uint32_t WorkerPool::forget(std::uint64_t serial) {
  auto roster = roster_.lock();
  const auto moved = roster->attempts.extract(serial);
  return moved.empty() ? 1 : moved.mapped();
}

void WorkerPool::note_cancelled(std::uint64_t serial) {
  const auto workers = roster_.read([](const Roster& now) { return now.workers; });
  for (const auto& worker : workers) worker->watch.note_cancelled(serial);
}

RoutingStrategy WorkerPool::strategy() const {
  return roster_.read([](const Roster& now) { return now.router.strategy(); });
}

void WorkerPool::set_strategy(RoutingStrategy strategy) {
  {
    auto roster = roster_.lock();
    roster->router.set_strategy(strategy);
  }
  queue_.nudge();
}

std::uint32_t WorkerPool::worker_count() const {
  return roster_.read([](const Roster& now) {
    return static_cast<std::uint32_t>(std::ranges::count_if(now.workers, [](const auto& worker) { return !worker->draining; }));
  });
}

std::vector<WorkerListing> WorkerPool::workers() const {
  std::vector<WorkerListing> list;
  const Instant now = clock_.now();
  roster_.read([&](const Roster& roster) {
    for (const auto& worker : roster.workers) {
      if (worker->left) continue;
      const WorkerSnapshot snapshot = snapshot_of(*worker, now, StepWatch::kNobody);
      std::string_view state = name_of(worker->health.state(now));
      if (worker->draining)
        state = "draining";
      else if (!worker->open && !worker->health.needs_restart())
        state = "starting";
      list.push_back({.id = worker->id,
                      .state = std::string(state),
                      .running = snapshot.running,
                      .sequences_max = worker->load.sequences_max,
                      .cells_used = worker->load.cells_used,
                      .cells_max = worker->load.cells_max,
                      .steps = worker->steps,
                      .failures_in_a_row = worker->health.failures_in_a_row(),
                      .restarts = worker->health.restarts()});
    }
    return true;
  });
  return list;
}

Result<> WorkerPool::set_workers(std::uint32_t count) {
  if (count < 1 || count > options_.workers_max) {
    return fail(Error(kSchedulingOptionInvalid, fmt::format("{} workers; from 1 to {} are allowed", count, options_.workers_max))
                    .with_field("workers"));
  }
  reap();
  const auto alive = [](const Roster& roster) {
    return static_cast<std::size_t>(std::ranges::count_if(roster.workers, [](const auto& worker) { return !worker->left; }));
  };
  std::vector<ByteBudget::Reservation> memory;  // of new workers
  auto roster = roster_.lock();
  while (alive(*roster) + memory.size() < count) {
    roster.unlock();  // caches may give up memory meanwhile
    TRY_ASSIGN(auto reserved, reserve_session(*model_, session_options_, surroundings_.context));
    memory.push_back(std::move(reserved));
    roster = roster_.lock();
  }
  auto& workers = roster->workers;
  // Those that are leaving and have not left yet come back first.
  std::uint32_t staying = 0;
  for (const auto& worker : workers) {
    if (worker->left) continue;
    const bool stays = staying < count;
    if (!stays && !worker->draining) worker->drained_until = clock_.now() + options_.drain_timeout;
    worker->draining = !stays;
    staying += stays;
  }
  for (; staying < count; ++staying) {
    workers.push_back(make_worker(std::move(memory.back())));
    memory.pop_back();
    workers.back()->thread = std::thread([this, worker = workers.back()] { work(*worker); });
  }
  roster.unlock();
  queue_.nudge();
  return {};
}

// Joins those that have left; their threads do nothing more.
void WorkerPool::reap() {
  std::vector<std::shared_ptr<Worker>> gone;
  {
    auto roster = roster_.lock();
    std::erase_if(roster->workers, [&](const auto& worker) {
      if (worker->left) gone.push_back(worker);
      return worker->left;
    });
  }
  for (const auto& worker : gone) worker->thread.join();
}

std::uint64_t WorkerPool::session_bytes() const {
  return roster_.read([](const Roster& now) {
    std::uint64_t bytes = 0;
    for (const auto& worker : now.workers) bytes += worker->memory.bytes();
    return bytes;
  });
}

}  // namespace forebay::scheduling
