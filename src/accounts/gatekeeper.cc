#include "accounts/gatekeeper.h"

#include <algorithm>
#include <cstring>

#include "accounts/errors.h"
#include "base/digest.h"

namespace forebay::accounts {

namespace {
constexpr std::size_t kKeysMax = 1'000;
constexpr std::size_t kKeyCharactersMin = 8;
constexpr std::size_t kKeyCharactersMax = 512;

// RFC 6750: "Bearer" in any case, one or more spaces, the token. Empty when the header is of another scheme.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  const bool is_bearer =
      std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, {}, [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (!is_bearer) return {};
  const auto start = authorization.find_first_not_of(' ', kScheme.size());
  return start == std::string_view::npos ? std::string_view() : authorization.substr(start);
}
}  // namespace

namespace {
// Part of a fingerprint: saved states carry it, and it says nothing about the key. Never 0.
std::uint64_t cache_scope_of(std::string_view key) {
  const Digest digest = Digester().add_text("forebay cache scope").add_text(key).finish();
  std::uint64_t scope = 0;
  std::memcpy(&scope, digest.data(), sizeof scope);
  return scope | 1;
}
}  // namespace

Result<Gatekeeper> Gatekeeper::create(const AccountsOptions& options) {
  if (options.api_keys.size() > kKeysMax) return fail(kBadKey, "more than 1,000 API keys are configured");
  Gatekeeper gatekeeper;
  for (std::size_t i = 0; i < options.api_keys.size(); ++i) {
    const std::string& key = options.api_keys[i];
    const bool printable = std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; });
    if (key.size() < kKeyCharactersMin || key.size() > kKeyCharactersMax || !printable) {
      return fail(kBadKey, "API key number " + std::to_string(i + 1) + " is too short, too long or has characters that are not allowed");
    }
    gatekeeper.keys_.emplace_back(key);
    gatekeeper.cache_scopes_.push_back(cache_scope_of(key));
  }
  return gatekeeper;
}

Result<> Gatekeeper::check_keyed() const {
  if (open()) return fail(kAdminNeedsKey, "this route needs an API key, and the server has none");
  return {};
}

Result<Principal> Gatekeeper::admit(const Credentials& credentials) const {
  if (open()) return Principal{.client = std::string(credentials.peer_address)};
  const std::string_view offered[] = {bearer_token(credentials.authorization), credentials.api_key};
  if (offered[0].empty() && offered[1].empty()) return fail(kKeyMissing, "an API key is needed");
  // Every key is compared, so that the time says nothing about which one came close.
  std::size_t matched = keys_.size();
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    for (const auto key : offered) {
      if (keys_[i].equals_constant_time(key)) matched = i;
    }
  }
  if (matched == keys_.size()) return fail(kKeyWrong, "the API key is wrong");
  return Principal{.client = "key-" + std::to_string(matched + 1), .authenticated = true, .cache_scope = cache_scopes_[matched]};
}

}  // namespace forebay::accounts
