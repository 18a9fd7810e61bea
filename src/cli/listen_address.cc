#include "cli/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/console.h"
#include "cli/errors.h"

namespace forebay::cli {

namespace {
struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) found = nullptr;
  return Addresses(found);
}

std::string text_of(const addrinfo& address) {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(address.ai_addr, address.ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text.data();
}
}  // namespace

Result<std::string> resolved_address(const std::string& host) {
  if (look_up(host, 0, AI_NUMERICHOST)) return host;
  const auto addresses = look_up(host, 0, 0);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next)
      if (address->ai_family == family) return text_of(*address);
  }
  return fail(kHostUnknown, fmt::format("'{}' is neither an IP address nor a name that has one", harmless(host)));
}

bool is_loopback(std::string_view address) {
  const std::string text(address);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && std::memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
}

int bind_error(const std::string& address, std::uint16_t port) {
  const auto addresses = look_up(address, port, AI_NUMERICHOST);
  if (!addresses) return EADDRNOTAVAIL;
  const int socket = ::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const int failed = ::bind(socket, addresses->ai_addr, addresses->ai_addrlen) == 0 && ::listen(socket, 1) == 0 ? 0 : errno;
  ::close(socket);
  return failed;
}

}  // namespace forebay::cli
