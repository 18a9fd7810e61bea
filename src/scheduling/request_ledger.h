// How requests end, accounted for in one place: counters, the breaker's outcomes, the dead letters.
// Threads: shared. Owner: RunnerCore.
#pragma once

#include "base/synchronized.h"
#include "scheduling/circuit_breaker.h"
#include "scheduling/dead_letters.h"
#include "scheduling/request.h"
#include "scheduling/runner_counters.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {

// What it took to serve one request.
struct ServiceEffort {
  std::uint32_t attempts = 1;
  std::uint32_t tokens_generated = 0;
};

class RequestLedger {
 public:
  RequestLedger(const Clock& clock, std::string model, const BreakerOptions& breaker, std::size_t dead_letters_max)
      : clock_(clock), model_(std::move(model)), breaker_(CircuitBreaker(breaker)), letters_(dead_letters_max) {}

  using Pass = CircuitBreaker::Pass;
  // kBreakerOpen, at once. Every pass is given back by one of the functions below.
  Result<Pass> admit();
  void refused(Pass pass);
  // The request was wrong, which says nothing about the model and is no refusal.
  void give_back(Pass pass);

  // The request was answered, well when there is no error. count_end() also counts it, for whoever does not do that.
  void note_end(Pass pass, const Ticket& ticket, const Error* error, ServiceEffort effort = {});
  void count_end(Pass pass, const Ticket& ticket, const Error* error);

  std::vector<DeadLetter> dead_letters() const { return letters_.newest_first(); }
  // Everything but what the queue and the workers know.
  void report(RunnerStats& stats) const;

  RunnerCounters counters;

 private:
  const Clock& clock_;
  const std::string model_;
  Synchronized<CircuitBreaker> breaker_;
  DeadLetters letters_;
};

}  // namespace forebay::scheduling
