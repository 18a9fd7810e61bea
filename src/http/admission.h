// What can be refused when the head of a request is there and its body is not: checks in the order in which they are made.
//   1. the URL and method          kBadEscape, kRouteNotFound, kMethodNotAllowed
//   2. the caller's Host, Origin   kHostNotAllowed, kOriginNotAllowed     (not for health)
//   3. the key                     accounts::Authenticator                (not for health)
//   4. the action                  accounts::allowed
//   5. the server's state          kShuttingDown, kMemoryPressure, kTooBusy; made by Exchange, which is counted from here on
//   6. the body                    kBodyTooLarge, kContentEncoding, kContentType
// An authenticator may wait; no byte of the body is read meanwhile.
// Threads: immutable.
#pragma once

#include <string_view>

#include "accounts/authenticator.h"
#include "base/result.h"
#include "http/caller_check.h"
#include "http/content_coding.h"
#include "http/http_options.h"
#include "http/media_type.h"
#include "http/routes.h"
#include "http/wire/request_head.h"

namespace forebay::http {

Result<> check_route(const wire::RequestHead& head, const RouteMatch& match);
Result<> check_caller(const wire::RequestHead& head, const Route& route, const CallerCheck& callers);
Result<> check_body(const wire::RequestHead& head, const Route& route, const MediaType& media, const HttpOptions& options);

// Returns views of the head and of `peer`.
accounts::Credentials credentials_of(const wire::RequestHead& head, std::string_view peer);

}  // namespace forebay::http
