#include "http/caller_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "http/errors.h"
#include "http/wire/authority.h"

namespace forebay::http {

namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lowered;
}

std::string name_of_machine() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? lower(name) : std::string();
}

}  // namespace

CallerCheck::CallerCheck(Options options)
    : options_(std::move(options)), machine_name_(name_of_machine()), any_origin_(std::ranges::contains(options_.cors_origins, "*")) {
  std::ranges::transform(options_.allowed_hosts, options_.allowed_hosts.begin(), lower);
}

Result<> CallerCheck::check_host(std::string_view host) const {
  const auto authority = wire::read_authority(host);
  if (!authority) return {};  // the wire lets an HTTP/1.0 request without Host pass, and nothing that is not valid
  const std::string& name = authority->host;
  const auto& allowed = options_.allowed_hosts;
  if (std::ranges::contains(allowed, "*") || std::ranges::contains(allowed, name)) return {};
  if (wire::is_loopback(name)) return {};
  if (allowed.empty() && (options_.has_keys || wire::is_ip_address(name) || name == machine_name_ || name == options_.listen_host))
    return {};
  return fail(Error(kHostNotAllowed, fmt::format("requests for the host '{}' are not answered", name))
                  .with_hint(fmt::format("add it to http.allowed_hosts: --set http.allowed_hosts={}", name)));
}

bool CallerCheck::has_cors(std::string_view origin) const {
  return !origin.empty() && (any_origin_ || std::ranges::contains(options_.cors_origins, origin));
}

Result<> CallerCheck::check_origin(std::string_view origin, std::string_view host) const {
  if (origin.empty() || has_cors(origin)) return {};
  const auto asking = wire::read_origin(origin);
  const auto asked = wire::read_authority(host);
  if (asking && asked && *asking == *asked) return {};
  return fail(Error(kOriginNotAllowed, fmt::format("pages of '{}' may not call this server", origin.substr(0, 100)))
                  .with_hint("add the origin to http.cors_origins (--cors)"));
}

}  // namespace forebay::http
