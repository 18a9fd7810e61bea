// What went wrong, said once: a stable code, a message that is safe for the client, a hint, and a trail for the log.
// Threads: immutable after construction. Owner: whoever holds the Result.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace forebay {

// The kinds of failure every boundary can express. HTTP status, gRPC code and exit status follow from the kind.
enum class ErrorKind : std::uint8_t {
  kInvalidArgument,   // 400: the request is wrong and will stay wrong
  kUnauthenticated,   // 401
  kPermissionDenied,  // 403
  kNotFound,          // 404
  kMethodNotAllowed,  // 405
  kNotAcceptable,     // 406
  kConflict,          // 409: not in this state
  kTooLarge,          // 413
  kUnsupported,       // 415: this kind of body or file is not understood
  kUnprocessable,     // 422: well-formed, but the model cannot take it
  kRateLimited,       // 429: the client's own limit
  kCancelled,         // 499: the caller went away
  kInternal,          // 500: our bug, or an engine's
  kNotImplemented,    // 501
  kUnavailable,       // 503: the server's limit, or not ready yet
  kDeadlineExceeded,  // 504
  kDataLoss,          // a file is damaged: 422 over HTTP, exit 65
};

struct KindMapping {
  int http_status;
  int grpc_code;
  int exit_status;  // sysexits.h where it has a word for it
};
KindMapping mapping_of(ErrorKind kind);
std::string_view name_of(ErrorKind kind);

// One stable code. Each room lists its own in its errors.h, within its range; cli composes them into one catalogue.
struct ErrorCode {
  std::uint16_t number;   // FB1042 is 1042
  std::string_view name;  // gguf_tensor_out_of_bounds
  ErrorKind kind;
  std::string_view meaning;  // one sentence for `forebay explain`
  std::string_view hint;     // what the reader can do about it
  std::string id() const;    // "FB1042"
  bool operator==(const ErrorCode& other) const { return number == other.number; }
};

// A room's codes, in the order of their numbers.
using ErrorCodes = std::span<const ErrorCode* const>;

// One pointer wide: errors are rare, and every function that can fail carries the code to move and destroy one.
class Error {
 public:
  // `code` must have static storage duration. `message` may reach the client: no paths outside the request, no secrets.
  Error(const ErrorCode& code, std::string message);
  Error(const Error& other);
  Error(Error&& other) noexcept : details_(std::exchange(other.details_, nullptr)) {}
  Error& operator=(Error other) noexcept {
    std::swap(details_, other.details_);
    return *this;
  }
  ~Error() {
    if (details_ != nullptr) destroy(details_);
  }

  const ErrorCode& code() const;
  ErrorKind kind() const { return code().kind; }
  const std::string& message() const;
  std::string_view hint() const;
  // The request field the error is about, in the dialect-neutral spelling of the request ("messages[2].role"); empty if none.
  const std::string& field() const;
  // When trying again makes sense; set on kUnavailable and kRateLimited.
  std::optional<std::chrono::milliseconds> retry_after() const;
  // What was being attempted, innermost first.
  const std::vector<std::string>& trail() const;

  Error&& with_hint(std::string hint) &&;
  Error&& with_field(std::string field) &&;
  Error&& with_retry_after(std::chrono::milliseconds wait) &&;
  // Whoever knows what was being attempted adds it.
  Error&& with_context(std::string attempted) &&;

  // "FB1042 gguf_tensor_out_of_bounds: tensor 'x' ends past the file", one line, for people.
  std::string to_string() const;
  // The same with the trail, for the log; outermost attempt first.
  std::string to_log_string() const;

 private:
  struct Details;
  static void destroy(Details* details);
  Details* details_;  // null only after a move
};

inline Error annotate(Error error) { return error; }
Error annotate(Error error, std::string attempted);

}  // namespace forebay
