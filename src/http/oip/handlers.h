// The Open Inference Protocol, version 2 (REST), with the binary tensor extension.
// Threads: called on a loop thread; they answer through the exchange, then or later.
#pragma once

#include "http/routes.h"

namespace forebay::http::oip {

void server(const ExchangePtr& exchange);
void live(const ExchangePtr& exchange);
void ready(const ExchangePtr& exchange);
void models(const ExchangePtr& exchange);
void model(const ExchangePtr& exchange);
void model_ready(const ExchangePtr& exchange);
void infer(const ExchangePtr& exchange);

}  // namespace forebay::http::oip
