#include "scheduling/request_ledger.h"

namespace forebay::scheduling {

Result<RequestLedger::Pass> RequestLedger::admit() {
  auto breaker = breaker_.lock();
  auto pass = breaker->admit(clock_.now());
  if (!pass) ++counters.refused;
  return pass;
}

void RequestLedger::refused(Pass pass) {
  ++counters.refused;
  give_back(pass);
}

void RequestLedger::give_back(Pass pass) {
  auto breaker = breaker_.lock();
  breaker->ended(pass, RequestOutcome::kNeither, clock_.now());
}

void RequestLedger::note_end(Pass pass, const Ticket& ticket, const Error* error, ServiceEffort effort) {
  const bool left = ticket.cancel.cancelled();
  const auto outcome = error != nullptr ? outcome_of(*error) : left ? RequestOutcome::kNeither : RequestOutcome::kSucceeded;
  {
    auto breaker = breaker_.lock();
    breaker->ended(pass, outcome, clock_.now());
  }
  if (error == nullptr || !DeadLetters::belongs(*error)) return;
  letters_.add({.request_id = ticket.request_id,
                .client = ticket.client,
                .model = model_,
                .code = error->code().id() + " " + std::string(error->code().name),
                .message = error->message(),
                .when = clock_.wall(),
                .attempts = effort.attempts,
                .tokens_generated = effort.tokens_generated});
}

void RequestLedger::count_end(Pass pass, const Ticket& ticket, const Error* error) {
  if (error == nullptr)
    ++counters.finished;
  else
    ++(ticket.cancel.cancelled() ? counters.cancelled : counters.failed);
  note_end(pass, ticket, error);
}

void RequestLedger::report(RunnerStats& stats) const {
  stats.running = counters.running;
  stats.accepted = counters.accepted;
  stats.refused = counters.refused;
  stats.finished = counters.finished;
  stats.failed = counters.failed;
  stats.cancelled = counters.cancelled;
  stats.steps = counters.steps;
  stats.rows = counters.rows;
  stats.cells_used = counters.cells_used;
  stats.cells_max = counters.cells_max;
  stats.dead_letters = letters_.count();
  const Instant now = clock_.now();
  breaker_.read([&](const CircuitBreaker& breaker) {
    stats.breaker = name_of(breaker.state(now));
    stats.breaker_openings = breaker.openings();
    return true;
  });
}

}  // namespace forebay::scheduling
