#include "http/service_call.h"

#include <utility>

namespace forebay::http {

inference::Call call_of(const ExchangePtr& exchange) {
  return {.ticket = exchange->ticket(), .aside = [exchange](std::move_only_function<void()> work) { exchange->on_pool(std::move(work)); }};
}

}  // namespace forebay::http
