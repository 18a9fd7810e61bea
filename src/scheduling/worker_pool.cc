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
// Idle time before a worker saves finished sequences to RAM. Short pauses between two requests of one client are not used for this.
constexpr auto kSettled = std::chrono::milliseconds(50);

std::optional<Instant> earlier(std::optional<Instant> one, std::optional<Instant> other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}
}  // namespace

struct WorkerPool::Worker {
  Worker(WorkerId number, const Clock& clock, ByteBudget::Reservation reserved) : id(number), watch(&clock), memory(std::move(reserved)) {}

  const WorkerId id;
  StepWatch watch;
  // Its thread's own.
  std::unique_ptr<GenerationLoop> loop;
  std::uint64_t steps_seen = 0;
  std::uint32_t failures_seen = 0;
  Instant idle_from{};  // when it last did something
  // Of its session; given back when it has left. Under the crew's lock.
  ByteBudget::Reservation memory;
  bool left = false;  // its thread does nothing more
  std::thread thread;
};

WorkerPool::WorkerPool(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options,
                       const engines::GenerationSessionOptions& session, const GenerationSurroundings& surroundings, Sessions sessions)
    : model_(std::move(model)),
      options_(options),
      session_options_(session),
      surroundings_(surroundings),
      clock_(*surroundings.context.clock),
      dispatcher_(*surroundings.dispatcher),
      crew_(Crew(options.retry)) {
  std::vector<std::shared_ptr<Worker>> workers;
  for (auto& own : sessions) {
    workers.push_back(make_worker(std::move(own.memory)));
    start(*workers.back(), std::move(own.session));
  }
  auto crew = crew_.lock();
  crew->workers = workers;
  for (auto& worker : workers) worker->thread = std::thread([this, worker] { work(*worker); });
}

WorkerPool::~WorkerPool() = default;

void WorkerPool::stop() {
  auto crew = crew_.lock();
  const auto workers = std::exchange(crew->workers, {});
  crew.unlock();
  for (const auto& worker : workers) worker->watch.stop();
  for (const auto& worker : workers) worker->thread.join();
  for (const auto& worker : workers) dispatcher_.remove_worker(worker->id);
  for (const auto& sequence : dispatcher_.take_all_moved()) end(*sequence, Error(kShuttingDown, "the model is being unloaded"));
}

std::shared_ptr<WorkerPool::Worker> WorkerPool::make_worker(ByteBudget::Reservation memory) {
  auto worker = std::make_shared<Worker>(next_id_++, clock_, std::move(memory));
  dispatcher_.add_worker(worker->id, &worker->watch, options_.health);
  return worker;
}

Result<ByteBudget::Reservation> WorkerPool::reserve_session(const engines::LoadedModel& model,
                                                            const engines::GenerationSessionOptions& options,
                                                            const RunnerContext& context) {
  if (context.budget == nullptr) return ByteBudget::Reservation();
  return context.budget->reserve(model.generation_session_bytes(options), fmt::format("a worker of model '{}'", context.model),
                                 ByteBudget::Shortage::kReclaim);
}

// --- a worker's thread ------------------------------------------------------------------------------------------------

void WorkerPool::work(Worker& worker) {
  name_this_thread("generate");
  keep_thread_on(surroundings_.context.processors);
  std::uint64_t seen = dispatcher_.calls(worker.id);
  while (!dispatcher_.closed()) {
    const bool did_something = (worker.loop || open(worker)) && run_round(worker);
    if (leave_if_drained(worker)) break;
    end_dead_moved();
    if (did_something) {
      worker.idle_from = clock_.now();
      continue;
    }
    // Whatever changed since the last look is looked at again before waiting.
    const std::uint64_t now = dispatcher_.calls(worker.id);
    if (now == seen && use_idle_time(worker)) continue;
    seen = now == seen ? dispatcher_.wait(worker.id, seen, wake_at(worker)) : now;
    dispatcher_.look_again();
  }
  if (worker.loop && surroundings_.lower.disk != nullptr) worker.loop->close();
  worker.loop.reset();
}

void WorkerPool::start(Worker& worker, std::unique_ptr<engines::GenerationSession> session) {
  GenerationSurroundings surroundings = surroundings_;
  surroundings.watch = &worker.watch;
  surroundings.worker = worker.id;
  worker.loop = std::make_unique<GenerationLoop>(std::move(session), options_, surroundings);
  surroundings_.context.metrics->cells_max.set(surroundings_.counters->cells_max);
  worker.steps_seen = 0;
  worker.failures_seen = 0;
  dispatcher_.with_worker(worker.id, [&](RoutedWorker& routed) {
    routed.holder = next_id_++;
    routed.load = worker.loop->load();
    return routed.open = true;
  });
}

// False while it is not time yet, or when it failed.
bool WorkerPool::open(Worker& worker) {
  const bool waits = dispatcher_.with_worker(
      worker.id, [&](const RoutedWorker& routed) { return routed.draining || routed.health.restart_at() > clock_.now(); });
  if (waits) return false;
  auto session = model_->open_generation_session(session_options_);
  if (!session) {
    log::warning("a worker's session cannot be opened",
                 {{"worker", fmt::to_string(worker.id)}, {"error", session.error().to_log_string()}});
    dispatcher_.with_worker(worker.id, [&](RoutedWorker& routed) {
      routed.health.session_lost(clock_.now());
      return true;
    });
    return false;
  }
  start(worker, *std::move(session));
  restarts_ += dispatcher_.with_worker(worker.id, [&](RoutedWorker& routed) {
    if (!routed.health.needs_restart()) return 0U;
    routed.health.session_opened();
    return 1U;
  });
  return true;
}

// True when there was something to do.
bool WorkerPool::run_round(Worker& worker) {
  GenerationLoop& loop = *worker.loop;
  while (auto sequence = dispatcher_.take_moved(worker.id)) loop.adopt(std::move(sequence));
  const bool did_something = loop.run_once();
  Round round{.load = loop.load(), .step_began = loop.step_began(), .worked = loop.steps_done() > worker.steps_seen, .failed = {}};
  if (loop.failures_in_a_row() > worker.failures_seen) round.failed = loop.failed_last();
  worker.failures_seen = loop.failures_in_a_row();
  worker.steps_seen = loop.steps_done();
  if (did_something && dispatcher_.report(worker.id, round)) break_down(worker);
  return did_something;
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
  dispatcher_.with_worker(worker.id, [](RoutedWorker& routed) {
    RoutingTable::report(routed, {});
    return routed.open = false;
  });
  return sequences;
}

bool WorkerPool::leave_if_drained(Worker& worker) {
  const bool leaves = dispatcher_.with_worker(worker.id, [&](RoutedWorker& routed) {
    const bool busy = routed.open && routed.load.sequences > 0;
    return routed.left = routed.draining && (!busy || clock_.now() >= routed.drained_until);
  });
  if (!leaves) return false;
  if (worker.loop) worker.loop->save_finished();
  hand_over(give_up(worker), nullptr);
  auto crew = crew_.lock();
  worker.left = true;
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
  std::optional<Instant> until = dispatcher_.with_worker(
      worker.id, [](const RoutedWorker& routed) { return routed.open ? std::nullopt : routed.health.restart_at(); });
  if (worker.loop && worker.loop->can_save_ahead()) until = earlier(until, worker.idle_from + kSettled);
  return earlier(until, dispatcher_.next_look(options_.health));
}

// --- between two workers ----------------------------------------------------------------------------------------------

// With a failure each move is a retry; a sequence that may not be retried ends with it.
void WorkerPool::hand_over(Sequences sequences, const Error* failure) {
  Sequences moved;
  Sequences failing;
  const Instant now = clock_.now();
  {
    auto crew = crew_.lock();
    for (auto& sequence : sequences) {
      auto& attempts = crew->attempts.try_emplace(sequence->serial(), 1U).first->second;
      if (failure != nullptr && (attempts >= options_.retry.attempts_max || !crew->retry.take(now))) {
        failing.push_back(std::move(sequence));
        continue;
      }
      ++attempts;
      retries_ += failure != nullptr;
      moved.push_back(std::move(sequence));
    }
  }
  dispatcher_.move(std::move(moved));
  for (auto& sequence : failing) end(*sequence, *failure);
}

void WorkerPool::end_dead_moved() {
  const Instant now = clock_.now();
  for (auto& sequence : dispatcher_.take_dead_moved()) {
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
  dispatcher_.finished(now);
}

// --- from outside -----------------------------------------------------------------------------------------------------

void WorkerPool::note_request() {
  auto crew = crew_.lock();
  crew->retry.note_request();
}

std::uint32_t WorkerPool::forget(std::uint64_t serial) {
  auto crew = crew_.lock();
  const auto moved = crew->attempts.extract(serial);
  return moved.empty() ? 1 : moved.mapped();
}

void WorkerPool::note_cancelled(std::uint64_t serial) {
  const auto workers = crew_.read([](const Crew& now) { return now.workers; });
  for (const auto& worker : workers) worker->watch.note_cancelled(serial);
}

std::uint32_t WorkerPool::worker_count() const {
  return dispatcher_.read([](const Routes& routes) {
    return static_cast<std::uint32_t>(std::ranges::count_if(routes.table.workers(), [](const auto& worker) { return !worker->draining; }));
  });
}

Result<> WorkerPool::set_workers(std::uint32_t count) {
  if (count < 1 || count > options_.workers_max) {
    return fail(Error(kSchedulingOptionInvalid, fmt::format("{} workers; from 1 to {} are allowed", count, options_.workers_max))
                    .with_field("workers"));
  }
  reap();
  const std::size_t alive = dispatcher_.read([](const Routes& routes) {
    return static_cast<std::size_t>(std::ranges::count_if(routes.table.workers(), [](const auto& worker) { return !worker->left; }));
  });
  // Nothing changes when there is no memory for all of them.
  std::vector<ByteBudget::Reservation> memory;
  while (alive + memory.size() < count) {
    TRY_ASSIGN(auto reserved, reserve_session(*model_, session_options_, surroundings_.context));
    memory.push_back(std::move(reserved));
  }
  // Workers that are leaving and have not left yet come back first.
  std::size_t staying = dispatcher_.set_staying(count, clock_.now() + options_.drain_timeout);
  for (; staying < count; ++staying) {
    if (memory.empty()) {  // one has left meanwhile
      TRY_ASSIGN(auto reserved, reserve_session(*model_, session_options_, surroundings_.context));
      memory.push_back(std::move(reserved));
    }
    auto worker = make_worker(std::move(memory.back()));
    memory.pop_back();
    auto crew = crew_.lock();
    crew->workers.push_back(worker);
    worker->thread = std::thread([this, worker] { work(*worker); });
  }
  dispatcher_.nudge();
  return {};
}

// Joins those that have left; their threads do nothing more.
void WorkerPool::reap() {
  std::vector<std::shared_ptr<Worker>> gone;
  {
    auto crew = crew_.lock();
    std::erase_if(crew->workers, [&](const auto& worker) {
      if (worker->left) gone.push_back(worker);
      return worker->left;
    });
  }
  for (const auto& worker : gone) {
    worker->thread.join();
    dispatcher_.remove_worker(worker->id);
  }
}

std::uint64_t WorkerPool::session_bytes() const {
  return crew_.read([](const Crew& now) {
    std::uint64_t bytes = 0;
    for (const auto& worker : now.workers) bytes += worker->memory.bytes();
    return bytes;
  });
}

}  // namespace forebay::scheduling
