#include <optional>
#include <string>

#include "base/log.h"
#include "http/admin/handlers.h"
#include "http/admin/workers_request.h"
#include "http/errors.h"
#include "http/exchange.h"
#include "http/generation.h"
#include "http/leases.h"
#include "http/ops/worker_json.h"
#include "models/served_model.h"

namespace forebay::http::admin {

namespace {

Result<models::Lease> lease_of(const Exchange& exchange) {
  return lease_for(exchange, exchange.parameter(0), formats::Task::kTextGeneration);
}

void answer(Exchange& exchange, const models::ServedModel& model) {
  const auto listed = model.generation->workers();
  JsonWriter json;
  json.object().field("model", model.name).field("version", model.version).field("strategy", model.generation->strategy());
  json.field("workers", listed.size()).key("worker_list").array();
  for (const auto& worker : listed) ops::write_worker(json, worker);
  json.end().end();
  exchange.answer_json(json.take());
}

// Both or nothing: what the second refuses takes the first back.
Result<> apply(scheduling::GenerationRunner& runner, const WorkersRequest& request) {
  const std::string before(runner.strategy());
  if (request.strategy) TRY(runner.set_strategy(*request.strategy));
  if (!request.workers) return {};
  auto changed = runner.set_workers(*request.workers);
  if (!changed && request.strategy) TRY(runner.set_strategy(before));
  return changed;
}

}  // namespace

Result<WorkersRequest> read_workers_request(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto body, JsonObject::parse(text, limits));
  TRY(body.only({"strategy", "workers"}));
  WorkersRequest request;
  if (const auto strategy = body.find("strategy")) {
    TRY_ASSIGN(request.strategy, strategy->string());
  }
  if (const auto workers = body.find("workers")) {
    TRY_ASSIGN(const auto count, workers->integer(1, kWorkersMost));
    request.workers = static_cast<std::uint32_t>(count);
  }
  if (!request.strategy && !request.workers)
    return fail(Error(kFieldMissing, "neither 'strategy' nor 'workers' is given").with_field("workers"));
  return request;
}

void workers(const ExchangePtr& exchange) {
  const auto model = lease_of(*exchange);
  if (!model) return exchange->refuse(model.error());
  answer(*exchange, **model);
}

void change_workers(const ExchangePtr& exchange) {
  prepare_on_pool(exchange, [exchange]() -> Result<> {
    TRY_ASSIGN(const auto request, read_workers_request(exchange->body(), exchange->parts().json_limits()));
    TRY_ASSIGN(const auto model, lease_of(*exchange));
    TRY(apply(*model->generation, request));
    log::info("workers changed", {{"model", model->name},
                                  {"strategy", request.strategy.value_or("as before")},
                                  {"workers", request.workers ? std::to_string(*request.workers) : "as before"},
                                  {"client", exchange->principal().id},
                                  {"request_id", exchange->id()}});
    answer(*exchange, *model);
    return {};
  });
}

}  // namespace forebay::http::admin
