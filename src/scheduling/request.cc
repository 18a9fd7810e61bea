#include "scheduling/request.h"

namespace forebay::scheduling {

std::string_view name_of(Priority priority) {
  switch (priority) {
    case Priority::kHigh:
      return "high";
    case Priority::kNormal:
      return "normal";
    case Priority::kLow:
      return "low";
  }
  return "normal";
}

std::optional<Priority> priority_named(std::string_view name) {
  for (Priority priority : {Priority::kHigh, Priority::kNormal, Priority::kLow}) {
    if (name_of(priority) == name) return priority;
  }
  return std::nullopt;
}

std::string_view name_of(Overflow overflow) {
  switch (overflow) {
    case Overflow::kRefuse:
      return "refuse";
    case Overflow::kTruncate:
      return "truncate";
    case Overflow::kShift:
      return "shift";
  }
  return "refuse";
}

std::optional<Overflow> overflow_named(std::string_view name) {
  for (Overflow overflow : {Overflow::kRefuse, Overflow::kTruncate, Overflow::kShift}) {
    if (name_of(overflow) == name) return overflow;
  }
  return std::nullopt;
}

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kDeadline:
      return "deadline";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kError:
      return "error";
  }
  return "error";
}

std::string_view name_of(AnswerSource source) {
  switch (source) {
    case AnswerSource::kRun:
      return "run";
    case AnswerSource::kShared:
      return "shared";
    case AnswerSource::kCache:
      return "cache";
  }
  return "run";
}

}  // namespace forebay::scheduling
