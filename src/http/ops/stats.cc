#include "base/byte_budget.h"
#include "http/exchange.h"
#include "http/ops/handlers.h"

namespace forebay::http::ops {

namespace {

void write_runner(JsonWriter& json, const scheduling::RunnerStats& stats) {
  json.object()
      .field("queued", stats.queued)
      .field("running", stats.running)
      .field("workers", stats.workers)
      .field("accepting", stats.accepting);
  json.field("accepted", stats.accepted).field("refused", stats.refused).field("finished", stats.finished).field("failed", stats.failed);
  json.field("cancelled", stats.cancelled).field("steps", stats.steps).field("rows", stats.rows);
  json.field("rows_per_step", stats.steps == 0 ? 0.0 : static_cast<double>(stats.rows) / static_cast<double>(stats.steps));
  json.field("cells_used", stats.cells_used).field("cells_max", stats.cells_max).end();
}

void write_model(JsonWriter& json, const models::ModelStatus& status) {
  json.object().field("name", status.name).field("version", status.version).field("state", name_of(status.state));
  if (status.error) json.key("error").object().field("code", status.error->code().id()).field("message", status.error->message()).end();
  if (status.model != nullptr) {
    json.field("task", name_of(status.model->description.task)).field("backend", status.model->backend);
    json.field("memory_bytes", status.model->memory.bytes()).field("load_ms", status.model->load_time.count());
    json.key("runner");
    write_runner(json, status.model->stats());
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
    json.key("memory").object().field("held_bytes", context.budget->bytes_held()).field("max_bytes", context.budget->bytes_max()).end();
  }
  json.key("models").array();
  for (const auto& status : context.catalog->list()) write_model(json, status);
  json.end().end();
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::ops
