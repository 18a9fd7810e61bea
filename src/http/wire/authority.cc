#include "http/wire/authority.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "http/errors.h"

namespace forebay::http::wire {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_'; }

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lowered;
}

bool is_v4(const std::string& host, in_addr& address) { return ::inet_pton(AF_INET, host.c_str(), &address) == 1; }
bool is_v6(const std::string& host, in6_addr& address) { return ::inet_pton(AF_INET6, host.c_str(), &address) == 1; }

// Splits "http://authority/rest"; the rest begins with "/" or "?", or is empty.
struct Absolute {
  std::string_view authority;
  std::string_view rest;
};
std::optional<Absolute> read_absolute(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (lower(target.substr(0, scheme.size())) != scheme) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?#"), target.size());
    return Absolute{target.substr(0, end), target.substr(end)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Authority> read_authority(std::string_view text) {
  Authority read;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    read.host = lower(text.substr(1, close - 1));
    port = text.substr(close + 1);
    in6_addr address;
    if (!is_v6(read.host, address)) return std::nullopt;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    read.host = lower(text.substr(0, colon));
    port = text.substr(colon);
    if (read.host.empty() || read.host.size() > 255 || !std::ranges::all_of(read.host, is_name_character)) return std::nullopt;
    if (read.host.size() > 1 && read.host.ends_with('.')) read.host.pop_back();
  }
  if (port.empty()) return read;
  port.remove_prefix(1);
  if (text[text.size() - port.size() - 1] != ':' || port.size() > 5 || !std::ranges::all_of(port, is_digit)) return std::nullopt;
  read.port = port;
  return read;
}

std::optional<Authority> read_origin(std::string_view text) {
  const auto absolute = read_absolute(text);
  if (!absolute || !absolute->rest.empty()) return std::nullopt;
  return read_authority(absolute->authority);
}

bool is_ip_address(const std::string& host) {
  in_addr v4;
  in6_addr v6;
  return is_v4(host, v4) || is_v6(host, v6);
}

bool is_loopback(const std::string& host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  in_addr v4;
  if (is_v4(host, v4)) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6;
  return is_v6(host, v6) && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<> settle_target(RequestHead& head) {
  const std::string target(head.target());
  if (const auto absolute = read_absolute(target)) {
    if (!read_authority(absolute->authority)) return fail(kBadRequest, "the URL's host is not valid");
    head.set_host(std::string(absolute->authority));
    head.set_target(absolute->rest.starts_with('/') ? std::string(absolute->rest) : "/" + std::string(absolute->rest));
  } else if (!target.starts_with('/') && !(target == "*" && head.method() == "OPTIONS")) {
    return fail(Error(kBadRequest, "the request target is not a path").with_hint("send GET /path HTTP/1.1"));
  } else {
    head.set_host(std::string(head.field("host")));
  }
  if (head.count("host") == 0 && head.minor_version() == 0) return {};
  if (head.count("host") != 1 || !read_authority(head.field("host")))
    return fail(Error(kBadRequest, "the request has no valid Host").with_hint("send one field Host with the server's name or address"));
  return {};
}

}  // namespace forebay::http::wire
