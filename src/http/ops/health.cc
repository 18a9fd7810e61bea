#include "http/errors.h"
#include "http/exchange.h"
#include "http/ops/handlers.h"
#include "models/served_model.h"

namespace forebay::http::ops {

namespace {

struct StateCounts {
  std::size_t ready = 0;
  std::size_t loading = 0;
  std::size_t failed = 0;
  std::size_t breakers_open = 0;
};

StateCounts count_states(const models::Catalog& catalog) {
  StateCounts counts;
  for (const auto& status : catalog.list()) {
    if (status.state == models::ModelState::kReady)
      ++counts.ready;
    else if (status.state == models::ModelState::kFailed)
      ++counts.failed;
    else
      ++counts.loading;
    if (status.model != nullptr && status.model->stats().breaker != "closed") ++counts.breakers_open;
  }
  return counts;
}

// Counts, no names: these routes answer without a key.
std::string health_body(const Exchange& exchange, std::string_view status) {
  const auto& parts = exchange.parts();
  const StateCounts counts = count_states(*parts.context.catalog);
  const std::chrono::duration<double> up = parts.context.clock->now() - parts.started;
  JsonWriter json;
  json.object().field("status", status).field("uptime_seconds", up.count()).field("version", parts.context.version);
  json.key("models").object().field("ready", counts.ready).field("loading", counts.loading).field("failed", counts.failed).end();
  if (parts.context.pressure != nullptr) json.field("memory_pressure", name_of(parts.context.pressure->level()));
  json.key("breakers_open").value(counts.breakers_open).end();
  return json.take();
}

}  // namespace

void live(const ExchangePtr& exchange) { exchange->answer_json(health_body(*exchange, "ok")); }

void ready(const ExchangePtr& exchange) {
  const auto& parts = exchange->parts();
  const bool draining = parts.draining.load();
  if (!draining && parts.context.catalog->all_ready()) return exchange->answer_json(health_body(*exchange, "ready"));
  const bool failed = count_states(*parts.context.catalog).failed > 0;
  Reply reply{.status = 503, .body = health_body(*exchange, draining ? "draining" : failed ? "failed" : "loading")};
  // A model that failed stays so: asking again does not help.
  if (draining || !failed) reply.headers.emplace_back("Retry-After", "1");
  exchange->answer(std::move(reply));
}

}  // namespace forebay::http::ops
