// Waiting for the result of a submission.
// Threads: confined to the main thread; the result may come from any.
#pragma once

#include <future>
#include <utility>

#include "base/result.h"

namespace forebay::cli {

// Calls `submit` with a completion and waits for its result. The errors of both.
template <class T, class Submit>
Result<T> awaited(Submit submit) {
  std::promise<Result<T>> promise;
  auto result = promise.get_future();
  TRY(submit([&promise](Result<T> value) { promise.set_value(std::move(value)); }));
  return result.get();
}

}  // namespace forebay::cli
