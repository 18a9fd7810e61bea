#include "base/byte_budget.h"
#include "http/exchange.h"
#include "http/ops/handlers.h"
#include "http/ops/worker_json.h"

namespace forebay::http::ops {

namespace {

void write_summary(JsonWriter& json, std::string_view name, const telemetry::LatencySummary& summary) {
  const auto milliseconds = [](std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); };
  json.key(name).object().field("count", summary.count).field("per_second", summary.per_second);
  json.field("mean", milliseconds(summary.mean)).field("p50", milliseconds(summary.p50)).field("p90", milliseconds(summary.p90));
  json.field("p99", milliseconds(summary.p99)).field("max", milliseconds(summary.max)).end();
}

void write_latencies(JsonWriter& json, const telemetry::RecentLatencies& recent) {
  json.key("last_minute_ms").object();
  write_summary(json, "queue", recent.queue);
  write_summary(json, "time_to_first_token", recent.time_to_first_token);
  write_summary(json, "inter_token", recent.inter_token);
  write_summary(json, "inference", recent.inference);
  write_summary(json, "request", recent.request);
  json.end();
}

void write_tier(JsonWriter& json, std::string_view name, const scheduling::TierStats& tier) {
  json.key(name).object().field("hits", tier.hits).field("entries", tier.entries).field("bytes", tier.bytes);
  json.field("bytes_max", tier.bytes_max).field("evictions", tier.evictions).field("refused", tier.refused).end();
}

void write_prefix_cache(JsonWriter& json, const scheduling::PrefixCacheStats& cache) {
  json.key("prefix_cache").object().field("lookups", cache.lookups).field("hits", cache.hits);
  json.field("tokens_saved", cache.tokens_saved).field("joined", cache.joined).key("tiers").object();
  write_tier(json, "cells", cache.cells);
  write_tier(json, "ram", cache.ram);
  write_tier(json, "disk", cache.disk);
  json.end().end();
}

void write_answer_cache(JsonWriter& json, const scheduling::AnswerCacheStats& answers) {
  json.key("answer_cache").object().field("enabled", answers.enabled).field("hits", answers.hits).field("misses", answers.misses);
  json.field("shared", answers.shared)
      .field("entries", answers.entries)
      .field("bytes", answers.bytes)
      .field("evictions", answers.evictions)
      .end();
}

void write_embedding_cache(JsonWriter& json, const scheduling::EmbeddingCacheStats& cache) {
  json.key("embedding_cache").object().field("hits", cache.hits).field("misses", cache.misses).field("joined", cache.joined);
  json.field("entries", cache.entries).field("bytes", cache.bytes).field("bytes_max", cache.bytes_max).field("evictions", cache.evictions);
  json.end();
}

void write_runner(JsonWriter& json, const scheduling::RunnerStats& stats) {
  json.object()
      .field("queued", stats.queued)
      .field("running", stats.running)
      .field("workers", stats.workers)
      .field("accepting", stats.accepting);
  json.field("accepted", stats.accepted).field("refused", stats.refused).field("finished", stats.finished).field("failed", stats.failed);
  json.field("cancelled", stats.cancelled).field("steps", stats.steps).field("rows", stats.rows);
  json.field("rows_per_step", stats.steps == 0 ? 0.0 : static_cast<double>(stats.rows) / static_cast<double>(stats.steps));
  json.field("cells_used", stats.cells_used).field("cells_max", stats.cells_max);
  json.key("breaker").object().field("state", stats.breaker).field("openings", stats.breaker_openings).end();
  json.field("dead_letters", stats.dead_letters)
      .field("restarts", stats.restarts)
      .field("retries", stats.retries)
      .field("preempted", stats.preempted);
  json.key("worker_list").array();
  for (const auto& worker : stats.worker_list) write_worker(json, worker);
  json.end().end();
}

void write_model(JsonWriter& json, const models::ModelStatus& status, telemetry::ServingMetrics& metrics) {
  json.object().field("name", status.name).field("version", status.version).field("state", name_of(status.state));
  if (status.error) json.key("error").object().field("code", status.error->code().id()).field("message", status.error->message()).end();
  if (status.model != nullptr) {
    json.field("task", name_of(status.model->description.task)).field("backend", status.model->backend);
    const auto stats = status.model->stats();
    json.field("memory_bytes", status.model->memory.bytes() + stats.session_bytes).field("load_ms", status.model->load_time.count());
    json.key("runner");
    write_runner(json, stats);
    if (status.model->generation) write_prefix_cache(json, stats.prefix_cache);
    if (status.model->tensors) write_answer_cache(json, stats.answers);
    if (status.model->embedding) write_embedding_cache(json, stats.embedding_cache);
    if (const auto recent = metrics.for_model(status.name).recent()) write_latencies(json, *recent);
  }
  json.end();
}

}  // namespace

void stats(const ExchangePtr& exchange) {
  const auto& parts = exchange->parts();
  const auto& context = parts.context;
  const std::chrono::duration<double> up = context.clock->now() - parts.started;
  JsonWriter json;
  json.object().field("version", context.version).field("uptime_seconds", up.count()).field("draining", parts.draining.load());
  json.key("requests").object().field("total", parts.requests.load()).field("in_flight", parts.in_flight.load());
  json.field("in_flight_max", parts.options.concurrent_requests_max).end();
  if (context.budget != nullptr) {
    json.key("memory").object().field("held_bytes", context.budget->bytes_held()).field("max_bytes", context.budget->bytes_max());
    if (context.pressure != nullptr) {
      json.field("pressure", name_of(context.pressure->level())).field("rising", context.pressure->rising());
      json.field("used_bytes", context.pressure->used_bytes()).field("limit_bytes", context.pressure->limit_bytes());
    }
    json.end();
  }
  json.key("models").array();
  for (const auto& status : context.catalog->list()) write_model(json, status, *context.serving_metrics);
  json.end().end();
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::ops
