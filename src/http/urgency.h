// How urgent a request is and how long it may take, as every dialect spells it: "priority" and "timeout_ms".
// Threads: immutable.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/memory_pressure.h"
#include "base/result.h"
#include "http/json_body.h"
#include "scheduling/request.h"

namespace forebay::http {

struct Urgency {
  scheduling::Priority priority = scheduling::Priority::kNormal;
  std::optional<std::chrono::milliseconds> timeout;  // from the request's arrival; http.request_timeout when it is longer
};

inline constexpr std::string_view kPriorityField = "priority";
inline constexpr std::string_view kTimeoutField = "timeout_ms";
inline constexpr std::chrono::milliseconds kTimeoutMost{86'400'000};

// "priority": "high", "normal" or "low"; "timeout_ms": 1 to a day. kFieldType, kFieldRange.
Result<Urgency> read_urgency(const JsonObject& body);
// The same as text, for routes whose body is not JSON; empty: not given.
Result<Urgency> read_urgency(const std::string& priority, const std::string& timeout_ms);

// Whether work may begin at this memory pressure (null: never any): nothing while it is critical, and nothing of low priority while it is
// elevated and still rising. kMemoryPressure.
Result<> check_pressure(const PressureGauge* pressure, scheduling::Priority priority);

}  // namespace forebay::http
