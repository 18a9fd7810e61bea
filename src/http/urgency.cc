#include "http/urgency.h"

#include <fmt/format.h>

#include <charconv>

#include "http/errors.h"

namespace forebay::http {

namespace {

constexpr const char* kPriorities = "priorities are \"high\", \"normal\" and \"low\"; numbers mean opposite things in different servers";

Result<scheduling::Priority> priority_of(std::string_view name, const std::string& field) {
  if (const auto priority = scheduling::priority_named(name)) return *priority;
  return fail(Error(kFieldRange, fmt::format("'{}' is no priority", name.substr(0, 40))).with_field(field).with_hint(kPriorities));
}

}  // namespace

Result<Urgency> read_urgency(const JsonObject& body) {
  Urgency urgency;
  if (const auto field = body.find(kPriorityField)) {
    if (field->type() != JsonType::kString) {
      return fail(Error(kFieldType, fmt::format("'{}' must be a string, and is {}", field->path(), name_of(field->type())))
                      .with_field(field->path())
                      .with_hint(kPriorities));
    }
    TRY_ASSIGN(const auto name, field->string());
    TRY_ASSIGN(urgency.priority, priority_of(name, field->path()));
  }
  if (const auto field = body.find(kTimeoutField)) {
    TRY_ASSIGN(const auto milliseconds, field->integer(1, kTimeoutMost.count()));
    urgency.timeout = std::chrono::milliseconds(milliseconds);
  }
  return urgency;
}

Result<Urgency> read_urgency(const std::string& priority, const std::string& timeout_ms) {
  Urgency urgency;
  if (!priority.empty()) {
    TRY_ASSIGN(urgency.priority, priority_of(priority, std::string(kPriorityField)));
  }
  if (!timeout_ms.empty()) {
    std::int64_t milliseconds = 0;
    const auto* const end = timeout_ms.data() + timeout_ms.size();
    const auto read = std::from_chars(timeout_ms.data(), end, milliseconds);
    if (read.ec != std::errc() || read.ptr != end || milliseconds < 1 || milliseconds > kTimeoutMost.count()) {
      return fail(Error(kFieldRange, fmt::format("'timeout_ms' must be a whole number from 1 to {}", kTimeoutMost.count()))
                      .with_field(std::string(kTimeoutField)));
    }
    urgency.timeout = std::chrono::milliseconds(milliseconds);
  }
  return urgency;
}

Result<> check_pressure(const PressureGauge* pressure, scheduling::Priority priority) {
  constexpr auto kRetry = std::chrono::seconds(2);  // some looks at the memory later
  if (pressure == nullptr || pressure->level() == PressureLevel::kNormal) return {};
  if (pressure->level() == PressureLevel::kCritical)
    return fail(Error(kMemoryPressure, "the server is short of memory").with_retry_after(kRetry));
  if (priority != scheduling::Priority::kLow || !pressure->rising()) return {};
  return fail(Error(kMemoryPressure, "memory is getting short, and the request's priority is low").with_retry_after(kRetry));
}

}  // namespace forebay::http
