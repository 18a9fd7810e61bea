// Finds the principal of a request by what it brings, before anything is spent on it. It may have to wait for a database.
// Threads: shared. Owner: cli::serve.
#pragma once

#include <functional>
#include <string_view>

#include "accounts/principal.h"
#include "base/result.h"

namespace forebay::accounts {

// What the request brings, as the wire has it; empty when the header is absent.
struct Credentials {
  std::string_view authorization;  // "Bearer KEY"
  std::string_view api_key;        // X-API-Key, or api-key as Azure has it
  std::string_view peer_address;
};

class Authenticator {
 public:
  using Completion = std::move_only_function<void(Result<Principal>)>;
  virtual ~Authenticator() = default;
  // Calls `done` once: before it returns when the answer is in memory, else later and on any thread.
  // Lifetime: what `credentials` views must live until then. Errors: kKeyMissing, kKeyWrong.
  virtual void authenticate(const Credentials& credentials, Completion done) const = 0;
  // True without keys: every caller is a principal of the role kOpen.
  virtual bool open() const = 0;
};

}  // namespace forebay::accounts
