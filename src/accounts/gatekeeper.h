// Decides whether a request may pass, before anything is spent on it: key to principal.
// Threads: shared, never blocks. Owner: cli::serve.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/accounts_options.h"
#include "base/result.h"
#include "base/secret.h"

namespace forebay::accounts {

// Who asks. `client` is what fairness and metrics go by: the key's name, or the peer's address in open mode.
struct Principal {
  std::string client;
  bool authenticated = false;
  std::uint64_t cache_scope = 0;  // of the key, the same after a restart; 0 in open mode: everybody shares what is cached
};

// What the request brings, as the wire has it; empty when the header is absent.
struct Credentials {
  std::string_view authorization;  // "Bearer KEY"
  std::string_view api_key;        // X-API-Key, or api-key as Azure has it
  std::string_view peer_address;
};

class Gatekeeper {
 public:
  // Without keys the server is open. kBadKey for an empty or too short key (8 characters) or more than 1,000 of them.
  static Result<Gatekeeper> create(const AccountsOptions& options);
  // One valid key is enough: clients send a placeholder beside it. kKeyMissing, kKeyWrong. Compares with every key in constant time.
  Result<Principal> admit(const Credentials& credentials) const;
  // kAdminNeedsKey in open mode: what changes the server is not for everybody who reaches the port.
  Result<> check_keyed() const;
  bool open() const { return keys_.empty(); }

 private:
  std::vector<Secret> keys_;
  std::vector<std::uint64_t> cache_scopes_;  // of the keys
};

}  // namespace forebay::accounts
