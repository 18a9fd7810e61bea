#include "base/byte_budget.h"
#include "http/exchange.h"
#include "http/ops/handlers.h"

namespace forebay::http::ops {

void metrics(const ExchangePtr& exchange) {
  const auto& context = exchange->parts().context;
  if (context.budget != nullptr) {
    context.serving_metrics->budget_bytes_held.set(static_cast<double>(context.budget->bytes_held()));
    context.serving_metrics->budget_bytes_max.set(static_cast<double>(context.budget->bytes_max()));
  }
  exchange->answer({.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = context.metrics->render()});
}

}  // namespace forebay::http::ops
