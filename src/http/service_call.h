// A request as a call of inference's services.
// Threads: shared.
#pragma once

#include "http/exchange.h"
#include "inference/call.h"

namespace forebay::http {

// The call runs work aside on the request pool, and keeps the exchange alive. Requires: after set_urgency().
inference::Call call_of(const ExchangePtr& exchange);

}  // namespace forebay::http
