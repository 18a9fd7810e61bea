#include "http/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/errors.h"

namespace forebay::http {

namespace {
bool is_known_method(std::string_view method) {
  constexpr std::string_view kKnown[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"};
  return std::ranges::contains(kKnown, method);
}
}  // namespace

Result<> check_route(const wire::RequestHead& head, const RouteMatch& match) {
  if (!is_known_method(head.method()))
    return fail(kMethodNotAllowed, fmt::format("the method {} is not known here", head.method().substr(0, 20)));
  if (match.malformed) return fail(kBadEscape, "the URL's path has a broken escape");
  if (match.route != nullptr) return {};
  if (match.allow.empty()) return fail(kRouteNotFound, fmt::format("there is nothing at {}", head.path().substr(0, 200)));
  return fail(Error(kMethodNotAllowed, fmt::format("this URL takes {}", match.allow)).with_hint(fmt::format("use {}", match.allow)));
}

Result<> check_caller(const wire::RequestHead& head, const Route& route, const CallerCheck& callers) {
  if (route.action == accounts::Action::kHealth) return {};
  TRY(callers.check_host(head.host()));
  return callers.check_origin(head.field("origin"), head.host());
}

accounts::Credentials credentials_of(const wire::RequestHead& head, std::string_view peer) {
  const std::string_view own = head.field("x-api-key");
  return {.authorization = head.field("authorization"), .api_key = own.empty() ? head.field("api-key") : own, .peer_address = peer};
}

Result<> check_body(const wire::RequestHead& head, const Route& route, const MediaType& media, const HttpOptions& options) {
  const std::uint64_t length = head.content_length().value_or(0);
  if (length > options.body_bytes_max)
    return fail(kBodyTooLarge, fmt::format("the body has {} bytes, and {} are allowed", length, options.body_bytes_max));
  if (route.body == Body::kNone) return {};
  if (head.count("content-encoding") > 1) return fail(kContentEncoding, "the body is compressed more than once");
  TRY(coding_of(head.field("content-encoding")));
  if (!media.charset.empty() && media.charset != "utf-8" && media.charset != "utf8")
    return fail(kContentType, fmt::format("charset {} is not taken, only utf-8", media.charset.substr(0, 40)));
  if (route.body == Body::kJson && !media.type.empty() && !media.is_json())
    return fail(kContentType, fmt::format("Content-Type {} is not taken here", media.type.substr(0, 80)));
  return {};
}

}  // namespace forebay::http
