// The plain routes: one URL, one JSON object, no SDK needed.
// Threads: called on a loop thread; they answer through the exchange, then or later.
#pragma once

#include "http/routes.h"

namespace forebay::http::predict {

void predict(const ExchangePtr& exchange);
void batch(const ExchangePtr& exchange);
void generate(const ExchangePtr& exchange);
void chat(const ExchangePtr& exchange);
void embed(const ExchangePtr& exchange);
void info(const ExchangePtr& exchange);

}  // namespace forebay::http::predict
