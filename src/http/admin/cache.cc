#include "base/log.h"
#include "http/admin/handlers.h"
#include "http/exchange.h"
#include "http/leases.h"
#include "models/served_model.h"

namespace forebay::http::admin {

namespace {
// Of a text model: what is kept of texts. Of a tensor model: answers. Of an encoder: vectors and scores.
std::size_t clear(const models::ServedModel& model) {
  if (model.generation) return model.generation->clear_cache();
  return model.embedding ? model.embedding->clear_cache() : model.tensors->clear_cache();
}
}  // namespace

void clear_cache(const ExchangePtr& exchange) {
  const auto model = lease_any(*exchange, exchange->parameter(0));
  if (!model) return exchange->refuse(model.error());
  const std::size_t dropped = clear(**model);
  log::info("cache cleared", {{"model", (*model)->name},
                              {"entries", std::to_string(dropped)},
                              {"client", exchange->principal().id},
                              {"request_id", exchange->id()}});
  JsonWriter json;
  json.object().field("model", (*model)->name).field("version", (*model)->version).field("dropped", dropped).end();
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::admin
