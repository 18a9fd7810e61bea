// Routes that look into a model's workers and caches and change them. They need a key: an open server has none to give.
// Threads: called on a loop thread; they answer through the exchange, then or later.
#pragma once

#include "http/routes.h"

namespace forebay::http::admin {

void workers(const ExchangePtr& exchange);
void change_workers(const ExchangePtr& exchange);
void clear_cache(const ExchangePtr& exchange);
void dead_letters(const ExchangePtr& exchange);

}  // namespace forebay::http::admin
