// Finds the principal of a request by its key, before anything is spent on it. Only fingerprints of the keys are held.
// Threads: shared, never blocks. Owner: cli::serve.
#pragma once

#include <string_view>
#include <vector>

#include "accounts/accounts_options.h"
#include "accounts/principal.h"
#include "base/digest.h"
#include "base/result.h"

namespace forebay::accounts {

// What the request brings, as the wire has it; empty when the header is absent.
struct Credentials {
  std::string_view authorization;  // "Bearer KEY"
  std::string_view api_key;        // X-API-Key, or api-key as Azure has it
  std::string_view peer_address;
};

class KeyAuthenticator {
 public:
  // Errors: kBadKey for a key that cannot be used, more than 1,000 of a kind, or one key in both lists.
  static Result<KeyAuthenticator> create(const AccountsOptions& options);
  // One valid key is enough: clients send a placeholder beside it. An admin key goes before an ordinary one. Compares with every key in
  // constant time. Errors: kKeyMissing, kKeyWrong.
  Result<Principal> authenticate(const Credentials& credentials) const;
  // True without keys: every caller is a principal of the role kOpen.
  bool open() const { return keys_.empty(); }

 private:
  struct Key {
    Digest fingerprint;
    Principal principal;
  };
  Result<> add(const std::vector<std::string>& keys, Role role, std::string_view name);

  std::vector<Key> keys_;
};

}  // namespace forebay::accounts
