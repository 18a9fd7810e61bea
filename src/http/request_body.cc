#include "http/request_body.h"

#include <drogon/HttpRequest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

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

// The library uses a connection's request again for the next one and keeps the capacity of its body: an idle connection would hold
// megabytes.
void RequestBody::arrived(const std::shared_ptr<drogon::HttpRequest>& request) {
  if (request->body().size() <= kSmallBody) {
    kept_ = request;
    return;
  }
  kept_ = {request.get(), [request](const void*) {
             std::string small;
             small.reserve(64);  // on the heap: a string within itself would be copied into the large one
             request->setBody(std::move(small));
           }};
}

}  // namespace forebay::http
