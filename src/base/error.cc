#include "base/error.h"

#include <fmt/format.h>

namespace forebay {

namespace {
struct KindRow {
  std::string_view name;
  KindMapping mapping;
};

// gRPC codes: grpc.io/docs/guides/status-codes. Exit codes: sysexits.h (64 usage, 65 data, 66 no input, 69 unavailable, 70 software, 75 try
// again, 77 no permission, 78 configuration).
KindRow row_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return {"invalid_argument", {400, 3, 64}};
    case ErrorKind::kUnauthenticated:
      return {"unauthenticated", {401, 16, 77}};
    case ErrorKind::kPermissionDenied:
      return {"permission_denied", {403, 7, 77}};
    case ErrorKind::kNotFound:
      return {"not_found", {404, 5, 66}};
    case ErrorKind::kMethodNotAllowed:
      return {"method_not_allowed", {405, 12, 64}};
    case ErrorKind::kNotAcceptable:
      return {"not_acceptable", {406, 3, 64}};
    case ErrorKind::kConflict:
      return {"conflict", {409, 9, 69}};
    case ErrorKind::kTooLarge:
      return {"too_large", {413, 8, 65}};
    case ErrorKind::kUnsupported:
      return {"unsupported", {415, 12, 65}};
    case ErrorKind::kUnprocessable:
      return {"unprocessable", {422, 3, 65}};
    case ErrorKind::kRateLimited:
      return {"rate_limited", {429, 8, 75}};
    case ErrorKind::kCancelled:
      return {"cancelled", {499, 1, 130}};
    case ErrorKind::kInternal:
      return {"internal", {500, 13, 70}};
    case ErrorKind::kNotImplemented:
      return {"not_implemented", {501, 12, 69}};
    case ErrorKind::kUnavailable:
      return {"unavailable", {503, 14, 75}};
    case ErrorKind::kDeadlineExceeded:
      return {"deadline_exceeded", {504, 4, 75}};
    case ErrorKind::kDataLoss:
      return {"data_loss", {422, 15, 65}};
  }
  return {"internal", {500, 13, 70}};
}
}  // namespace

KindMapping mapping_of(ErrorKind kind) { return row_of(kind).mapping; }
std::string_view name_of(ErrorKind kind) { return row_of(kind).name; }

std::string ErrorCode::id() const { return fmt::format("FB{:04}", number); }

struct Error::Details {
  const ErrorCode* code;
  std::string message;
  std::string hint;
  std::string field;
  std::optional<std::chrono::milliseconds> retry_after;
  std::vector<std::string> trail;
};

Error::Error(const ErrorCode& code, std::string message) : details_(new Details{.code = &code, .message = std::move(message)}) {}
Error::Error(const Error& other) : details_(other.details_ != nullptr ? new Details(*other.details_) : nullptr) {}
void Error::destroy(Details* details) { delete details; }

const ErrorCode& Error::code() const { return *details_->code; }
const std::string& Error::message() const { return details_->message; }
std::string_view Error::hint() const { return details_->hint.empty() ? details_->code->hint : std::string_view(details_->hint); }
const std::string& Error::field() const { return details_->field; }
std::optional<std::chrono::milliseconds> Error::retry_after() const { return details_->retry_after; }
const std::vector<std::string>& Error::trail() const { return details_->trail; }

Error&& Error::with_hint(std::string hint) && {
  details_->hint = std::move(hint);
  return std::move(*this);
}
Error&& Error::with_field(std::string field) && {
  details_->field = std::move(field);
  return std::move(*this);
}
Error&& Error::with_retry_after(std::chrono::milliseconds wait) && {
  details_->retry_after = wait;
  return std::move(*this);
}
Error&& Error::with_context(std::string attempted) && {
  details_->trail.push_back(std::move(attempted));
  return std::move(*this);
}

std::string Error::to_string() const { return fmt::format("{} {}: {}", code().id(), code().name, message()); }

std::string Error::to_log_string() const {
  std::string line = to_string();
  for (auto step = trail().rbegin(); step != trail().rend(); ++step) line += " < " + *step;
  return line;
}

Error annotate(Error error, std::string attempted) { return std::move(error).with_context(std::move(attempted)); }

}  // namespace forebay
