#include "http/request_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "http/errors.h"

namespace forebay::http {

Result<> RequestBody::expect(std::uint64_t bytes) {
  if (bytes <= std::max(kSmallBody, reserved_bytes_)) return {};
  const std::uint64_t more = std::max(bytes - reserved_bytes_, reserved_bytes_);
  auto reserved = budget_.reserve(more, "the request's body");
  if (!reserved) {
    return fail(Error(kBodiesTooLarge,
                      fmt::format("{} bytes are under way already, and {} are allowed at once", budget_.bytes_held(), budget_.bytes_max()))
                    .with_retry_after(std::chrono::seconds(1)));
  }
  reserved_.push_back(*std::move(reserved));
  reserved_bytes_ += more;
  return {};
}

// A body whose length is stated gets its memory once; pages that never come are not touched.
void RequestBody::append(std::string_view piece) {
  if (text_ == nullptr) return;
  if (text_->capacity() < reserved_bytes_) text_->reserve(reserved_bytes_);
  text_->append(piece);
}

}  // namespace forebay::http
