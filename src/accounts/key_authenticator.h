// The configured keys. Only fingerprints of them are held.
// Threads: shared. Owner: cli::serve.
#pragma once

#include <string_view>
#include <vector>

#include "accounts/accounts_options.h"
#include "accounts/authenticator.h"
#include "base/digest.h"
#include "base/result.h"

namespace forebay::accounts {

class KeyAuthenticator final : public Authenticator {
 public:
  // Errors: kBadKey for a key that cannot be used, more than 1,000 of a kind, or one key in both lists.
  static Result<KeyAuthenticator> create(const AccountsOptions& options);
  // One valid key is enough: some clients send a dummy key beside it. An admin key goes before an ordinary one. Compares with every key in
  // constant time, and calls `done` before it returns.
  void authenticate(const Credentials& credentials, Completion done) const override { done(principal_of(credentials)); }
  bool open() const override { return keys_.empty(); }

 private:
  struct Key {
    Digest fingerprint;
    Principal principal;
  };
  Result<Principal> principal_of(const Credentials& credentials) const;
  Result<> add(const std::vector<std::string>& keys, Role role, std::string_view name);

  std::vector<Key> keys_;
};

}  // namespace forebay::accounts
