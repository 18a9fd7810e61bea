#include "base/log.h"
#include "http/admin/handlers.h"
#include "http/exchange.h"
#include "http/tensor_run.h"
#include "models/served_model.h"

namespace forebay::http::admin {

void clear_cache(const ExchangePtr& exchange) {
  const auto model = lease_tensors(*exchange, exchange->parameter(0));
  if (!model) return exchange->refuse(model.error());
  const std::size_t dropped = (*model)->tensors->clear_cache();
  log::info("kept answers dropped", {{"model", (*model)->name},
                                     {"answers", std::to_string(dropped)},
                                     {"client", exchange->principal().client},
                                     {"request_id", exchange->id()}});
  JsonWriter json;
  json.object().field("model", (*model)->name).field("version", (*model)->version).field("dropped", dropped).end();
  exchange->answer_json(json.take());
}

}  // namespace forebay::http::admin
