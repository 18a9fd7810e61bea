#include <array>

#include "base/byte_budget.h"
#include "http/exchange.h"
#include "http/ops/handlers.h"
#include "models/served_model.h"

namespace forebay::http::ops {

namespace {

double number(auto value) { return static_cast<double>(value); }

double breaker_number(std::string_view state) { return state == "closed" ? 0 : state == "open" ? 2 : 1; }

// Brings what a version's runner counts itself up to date. Two versions of a model must not share a label set: each has its own total.
void note_runner(telemetry::Metrics& metrics, const telemetry::Labels& labels, const scheduling::RunnerStats& stats) {
  metrics.gauge("forebay_breaker_state", "0 closed, 1 half open, 2 open: the model refuses at once", labels)
      .set(breaker_number(stats.breaker));
  metrics.counter("forebay_breaker_openings_total", "Times the model's breaker opened", labels).advance_to(number(stats.breaker_openings));
  metrics.counter("forebay_dead_letters_total", "Requests that were accepted and could not be served", labels)
      .advance_to(number(stats.dead_letters));
  metrics.counter("forebay_worker_restarts_total", "Workers that were opened again after a failure", labels)
      .advance_to(number(stats.restarts));
  metrics.counter("forebay_retries_total", "Requests that went on with another worker after a failure", labels)
      .advance_to(number(stats.retries));
  metrics.counter("forebay_preemptions_total", "Times a text gave its cells to others for a while", labels)
      .advance_to(number(stats.preempted));
  constexpr std::array kStates = {"healthy", "suspect", "removed", "probation", "draining"};
  if (stats.worker_list.empty()) return;
  for (const char* state : kStates) {
    const auto count = std::ranges::count(stats.worker_list, state, &scheduling::WorkerListing::state);
    telemetry::Labels with_state = labels;
    with_state.emplace_back("state", state);
    metrics.gauge("forebay_workers", "Workers of the model by their state", with_state).set(number(count));
  }
}

void note_tier(telemetry::Metrics& metrics, telemetry::Labels labels, const char* name, const scheduling::TierStats& tier) {
  labels.emplace_back("tier", name);
  metrics.counter("forebay_prefix_cache_tier_hits_total", "Requests that took their beginning from the tier", labels)
      .advance_to(number(tier.hits));
  metrics.counter("forebay_prefix_cache_evictions_total", "Texts that the tier gave up to make room", labels)
      .advance_to(number(tier.evictions));
  metrics.gauge("forebay_prefix_cache_entries", "Texts in the tier that nobody is writing", labels).set(number(tier.entries));
  metrics.gauge("forebay_prefix_cache_bytes", "Bytes that those texts hold", labels).set(number(tier.bytes));
}

void note_prefix_cache(telemetry::Metrics& metrics, const telemetry::Labels& labels, const scheduling::PrefixCacheStats& cache) {
  metrics.counter("forebay_prefix_cache_lookups_total", "Requests that began", labels).advance_to(number(cache.lookups));
  metrics.counter("forebay_prefix_cache_hits_total", "Requests that began with part of their prompt computed", labels)
      .advance_to(number(cache.hits));
  metrics.counter("forebay_prefix_cache_joined_total", "Requests that waited for another one's computation of their prefix", labels)
      .advance_to(number(cache.joined));
  metrics.counter("forebay_prefix_cache_saved_tokens_total", "Prompt tokens that were not computed again", labels)
      .advance_to(number(cache.tokens_saved));
  note_tier(metrics, labels, "cells", cache.cells);
  note_tier(metrics, labels, "ram", cache.ram);
  note_tier(metrics, labels, "disk", cache.disk);
  metrics.counter("forebay_prefix_cache_refused_total", "Saved states on disk that were damaged or another model's", labels)
      .advance_to(number(cache.disk.refused));
}

void note_answer_cache(telemetry::Metrics& metrics, const telemetry::Labels& labels, const scheduling::AnswerCacheStats& answers) {
  metrics.counter("forebay_answer_cache_hits_total", "Requests that were answered with a kept answer", labels)
      .advance_to(number(answers.hits));
  metrics.counter("forebay_answer_cache_misses_total", "Requests whose answer was not kept", labels).advance_to(number(answers.misses));
  metrics.counter("forebay_answer_cache_evictions_total", "Kept answers that made room for newer ones", labels)
      .advance_to(number(answers.evictions));
  metrics.counter("forebay_shared_answers_total", "Requests that were answered by the run of an identical one", labels)
      .advance_to(number(answers.shared));
  metrics.gauge("forebay_answer_cache_entries", "Answers that are kept", labels).set(number(answers.entries));
  metrics.gauge("forebay_answer_cache_bytes", "Bytes that they hold", labels).set(number(answers.bytes));
}

}  // namespace

void metrics(const ExchangePtr& exchange) {
  auto& parts = exchange->parts();
  const auto& context = parts.context;
  const auto scraping = parts.scraping.lock();
  if (context.budget != nullptr) {
    context.serving_metrics->budget_bytes_held.set(number(context.budget->bytes_held()));
    context.serving_metrics->budget_bytes_max.set(number(context.budget->bytes_max()));
  }
  for (const auto& status : context.catalog->list()) {
    if (status.model == nullptr) continue;
    const auto stats = status.model->stats();
    const telemetry::Labels labels = {{"model", status.name}, {"version", status.version}};
    note_runner(*context.metrics, labels, stats);
    if (status.model->tensors) note_answer_cache(*context.metrics, labels, stats.answers);
    if (status.model->generation) note_prefix_cache(*context.metrics, labels, stats.prefix_cache);
  }
  exchange->answer({.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = context.metrics->render()});
}

}  // namespace forebay::http::ops
