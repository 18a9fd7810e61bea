// What every runner has around its workers: the queue with its watch, the ledger with the breaker, and the order in which it all ends:
// the queue closes, the workers end (the runner's business), the watch ends, and who still waits is told.
// Threads: shared. Owner: a runner, whose destructor calls close(), ends its workers, and calls finish().
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "scheduling/queue_watch.h"
#include "scheduling/request_ledger.h"
#include "scheduling/runners.h"
#include "scheduling/shared_queue.h"

namespace forebay::scheduling {

template <class Work, class Queue = SharedQueue<Work>>
class RunnerCore {
 public:
  using Taken = AdmissionQueue<Work>::Taken;
  // Answers and accounts for a request that never ran, with taken.error; on any thread.
  using AnswerUnrun = std::function<void(Taken& taken)>;

  // `queue`: what the queue is made with beside the options of admission.
  template <class Options, class... Made>
  RunnerCore(RunnerContext context, const Options& options, AnswerUnrun answer, Made&&... queue)
      : context_(counting(std::move(context))),
        answer_(std::move(answer)),
        ledger_(*context_.clock, context_.model, options.breaker, options.dead_letters_max),
        queue_(options.admission, std::forward<Made>(queue)...),
        watch_(std::in_place, queue_, *context_.clock, [this](Taken dead) { answer_unrun(dead); }) {}
  // The workers are to end now.
  void close() { queue_.close(); }
  // The workers have ended. Afterwards every request has been answered, and nobody's cancel reaches the runner any more.
  void finish() {
    watch_.reset();
    while (auto left = queue_.with([&](auto& queue, auto&) { return queue.take(context_.clock->now()); })) {
      if (!left->error) left->error = Error(kShuttingDown, "the model is being unloaded");
      answer_unrun(*left);
    }
  }
  ~RunnerCore() = default;
  RunnerCore(const RunnerCore&) = delete;
  RunnerCore& operator=(const RunnerCore&) = delete;

  const RunnerContext& context() const { return context_; }
  Queue& queue() { return queue_; }
  const Queue& queue() const { return queue_; }
  RequestLedger& ledger() { return ledger_; }
  const RequestLedger& ledger() const { return ledger_; }

  // The breaker's word; then enqueue() with the pass, or nothing more than an error to the client.
  Result<RequestLedger::Pass> admit() { return counted(ledger_.admit()); }
  // The same, and what enqueue() would say now: before something expensive is prepared for the request.
  Result<RequestLedger::Pass> admit(const Ticket& ticket) {
    TRY_ASSIGN(const auto pass, admit());
    auto room = queue_.with([&](auto& queue, auto&) { return queue.check(ticket, context_.clock->now()); });
    if (room) return pass;
    ledger_.refused(pass);
    return counted(Result<RequestLedger::Pass>(std::unexpected(std::move(room).error())));
  }
  Result<> enqueue(RequestLedger::Pass pass, Ticket ticket, Work&& work, bool wakes = true) {
    auto queued = queue_.push(std::move(ticket), std::move(work), context_.clock->now(), wakes);
    if (queued)
      ++ledger_.counters.accepted;
    else
      ledger_.refused(pass);
    context_.metrics->queued.set(static_cast<double>(queue_.size()));
    return counted(std::move(queued));
  }
  RunnerStats stats(std::uint32_t workers) const {
    RunnerStats stats{.queued = static_cast<std::uint32_t>(queue_.size()), .workers = workers, .accepting = queue_.accepting()};
    ledger_.report(stats);
    return stats;
  }

 private:
  RunnerContext counting(RunnerContext context) {
    if (context.metrics == nullptr) context.metrics = &uncounted_;
    return context;
  }
  template <class T>
  Result<T> counted(Result<T> result) {
    if (!result) context_.metrics->refused.increment();
    return result;
  }
  void answer_unrun(Taken& taken) {
    context_.metrics->queue_seconds.observe(std::chrono::duration<double>(taken.waited).count());
    answer_(taken);
  }

  telemetry::ModelMetrics uncounted_;
  RunnerContext context_;
  const AnswerUnrun answer_;
  RequestLedger ledger_;
  Queue queue_;
  std::optional<QueueWatch<Queue>> watch_;
};

}  // namespace forebay::scheduling
