#include <fmt/chrono.h>
#include <fmt/format.h>

#include "formats/read_model.h"
#include "http/exchange.h"
#include "http/leases.h"
#include "http/predict/handlers.h"
#include "models/served_model.h"

namespace forebay::http::predict {

namespace {

void write_status(JsonWriter& json, const models::ServedModel& model) {
  json.object().field("name", model.name).field("version", model.version).field("task", name_of(model.description.task));
  json.field("backend", model.backend).key("backend_passed_over").array();
  for (const auto& passed : model.backend_passed_over) json.value(passed);
  json.end();
  if (!model.rows.empty()) json.field("requests_share_runs", model.rows_independent).field("requests_share_runs_reason", model.rows);
  json.field("memory_bytes", model.memory_bytes()).field("load_time_ms", model.load_time.count());
  json.field("loaded_at", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::floor<std::chrono::seconds>(model.loaded_at)));
  if (model.sequence_tokens_max > 0) json.field("sequence_tokens_max", model.sequence_tokens_max);
  json.key("description").raw(formats::to_json(model.description)).end();
}

}  // namespace

void info(const ExchangePtr& exchange) {
  auto model = lease_any(*exchange, {});
  if (!model) return exchange->refuse(model.error());
  JsonWriter json;
  write_status(json, **model);
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::predict
