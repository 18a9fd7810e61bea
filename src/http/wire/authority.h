// The host and port of a URL, as in Host and Origin (RFC 3986, section 3.2), and the forms of a request target (RFC 9112, section 3.2).
// Threads: immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/wire/request_head.h"

namespace forebay::http::wire {

struct Authority {
  std::string host;  // lower case, an IPv6 address without its brackets
  std::string port;  // digits, empty if none is stated
  bool operator==(const Authority&) const = default;
};

// Returns nothing for an empty host, user information, or characters that no host has.
std::optional<Authority> read_authority(std::string_view text);
// Reads "http://host:port", as Origin has it, without a path.
std::optional<Authority> read_origin(std::string_view text);
bool is_ip_address(const std::string& host);
// True for localhost, names below it, and loopback addresses.
bool is_loopback(const std::string& host);

// Sets the head's host from its target or its field Host, and makes an absolute target relative. kBadRequest: no host, one that is not
// valid, or a target that is no path.
Result<> settle_target(RequestHead& head);

}  // namespace forebay::http::wire
