// What can be refused when the head of a request is there and its body is not: checks in the order in which they are made.
//   1. the URL and method          kBadEscape, kRouteNotFound, kMethodNotAllowed
//   2. the caller's Host, Origin   kHostNotAllowed, kOriginNotAllowed     (not for public routes)
//   3. the key                     accounts::Gatekeeper                   (not for public routes)
//   4. the server's state          kShuttingDown, kMemoryPressure, kTooBusy; made by Exchange, which is counted from here on
//   5. the body                    kBodyTooLarge, kContentEncoding, kContentType
// Threads: immutable.
#pragma once

#include <string_view>

#include "accounts/gatekeeper.h"
#include "base/result.h"
#include "http/content_coding.h"
#include "http/media_type.h"
#include "http/routes.h"
#include "http/server_parts.h"
#include "http/wire/request_head.h"

namespace forebay::http {

Result<> check_route(const wire::RequestHead& head, const RouteMatch& match);
Result<accounts::Principal> check_caller(const wire::RequestHead& head, const Route& route, const ServerParts& parts, std::string_view peer);
Result<> check_body(const wire::RequestHead& head, const Route& route, const MediaType& media, const HttpOptions& options);

}  // namespace forebay::http
