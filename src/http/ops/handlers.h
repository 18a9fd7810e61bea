// Routes for operators: health, metrics, statistics.
// Threads: called on a loop thread; they answer through the exchange, then or later.
#pragma once

#include "http/routes.h"

namespace forebay::http::ops {

void live(const ExchangePtr& exchange);
void ready(const ExchangePtr& exchange);
void metrics(const ExchangePtr& exchange);
void stats(const ExchangePtr& exchange);

}  // namespace forebay::http::ops
