// The caller of one request, as authentication found it.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <string>

namespace forebay::accounts {

// Decides what a principal may do (policy.h). If a request brings two valid keys, the later role counts.
enum class Role : std::uint8_t {
  kAnonymous,  // brought no key that was looked at
  kOpen,       // calls a server that has no keys
  kUser,       // an ordinary key
  kAdmin,      // an admin key
};

struct Principal {
  std::string id;  // the key's name or the peer's address; fairness, the log and metrics go by it
  Role role = Role::kAnonymous;
  std::uint64_t cache_scope = 0;  // of the key, the same after a restart; 0 without keys: all callers share what is cached
};

}  // namespace forebay::accounts
