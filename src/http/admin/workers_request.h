// The body of PATCH /admin/models/{model}/workers, read into native types.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/json_body.h"

namespace forebay::http::admin {

inline constexpr std::int64_t kWorkersMost = 256;  // the runner's own limit is lower

struct WorkersRequest {
  std::optional<std::string> strategy;
  std::optional<std::uint32_t> workers;
};

//   {"strategy": "least_loaded", "workers": 2}; one of them may be left out. kFieldMissing, kFieldRange, kFieldUnknown.
Result<WorkersRequest> read_workers_request(std::string_view body, const JsonLimits& limits);

}  // namespace forebay::http::admin
