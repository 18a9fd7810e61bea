// What http.host means: the IP address to listen on, whether others can reach it, and whether its port is free.
// Threads: shared (no state). resolved_address may block: it asks the system's resolver.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace forebay::cli {

// An IP address is returned as it is; a host name as its first address, IPv4 before IPv6. kHostUnknown.
Result<std::string> resolved_address(const std::string& host);
// Whether only this machine can reach the address: 127.0.0.0/8 and ::1. `address` is an IP address.
bool is_loopback(std::string_view address);
// Binds a socket and closes it again. Returns zero if that works, else the error number. `address` is an IP address.
int bind_error(const std::string& address, std::uint16_t port);

}  // namespace forebay::cli
