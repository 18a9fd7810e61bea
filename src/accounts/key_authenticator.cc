#include "accounts/key_authenticator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "accounts/errors.h"

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

Digest fingerprint_of(std::string_view key) { return Digester().add_text("forebay api key").add_text(key).finish(); }

// Part of another fingerprint: saved states carry it, and it says nothing about the key. Never 0.
std::uint64_t cache_scope_of(std::string_view key) {
  const Digest digest = Digester().add_text("forebay cache scope").add_text(key).finish();
  std::uint64_t scope = 0;
  std::memcpy(&scope, digest.data(), sizeof scope);
  return scope | 1;
}
}  // namespace

Result<KeyAuthenticator> KeyAuthenticator::create(const AccountsOptions& options) {
  KeyAuthenticator authenticator;
  TRY(authenticator.add(options.api_keys, Role::kUser, "key"));
  TRY(authenticator.add(options.admin_keys, Role::kAdmin, "admin"));
  return authenticator;
}

Result<> KeyAuthenticator::add(const std::vector<std::string>& keys, Role role, std::string_view name) {
  if (keys.size() > kKeysMax) return fail(kBadKey, fmt::format("more than {} keys of one kind are configured", kKeysMax));
  std::size_t number = 0;
  for (const std::string& key : keys) {
    const std::string id = fmt::format("{}-{}", name, ++number);
    const bool printable = std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; });
    if (key.size() < kKeyCharactersMin || key.size() > kKeyCharactersMax || !printable)
      return fail(kBadKey, fmt::format("the key {} is too short, too long or has characters that are not allowed", id));
    const Digest fingerprint = fingerprint_of(key);
    const auto other_kind =
        std::ranges::find_if(keys_, [&](const Key& known) { return known.fingerprint == fingerprint && known.principal.role != role; });
    if (other_kind != keys_.end())
      return fail(kBadKey, fmt::format("the keys {} and {} are the same: one key cannot be ordinary and an admin key",
                                       other_kind->principal.id, id));
    keys_.push_back({fingerprint, {.id = id, .role = role, .cache_scope = cache_scope_of(key)}});
  }
  return {};
}

Result<Principal> KeyAuthenticator::principal_of(const Credentials& credentials) const {
  if (open()) return Principal{.id = std::string(credentials.peer_address), .role = Role::kOpen};
  const Key* matched = nullptr;
  bool missing = true;
  for (const std::string_view offered : {bearer_token(credentials.authorization), credentials.api_key}) {
    if (offered.empty()) continue;
    missing = false;
    const Digest fingerprint = fingerprint_of(offered);
    // Every key is compared, so that the time says nothing about which one came close.
    for (const Key& key : keys_) {
      const bool stronger = matched == nullptr || key.principal.role >= matched->principal.role;
      if (equal_in_constant_time(key.fingerprint, fingerprint) && stronger) matched = &key;
    }
  }
  if (missing) return fail(kKeyMissing, "an API key is needed");
  if (matched == nullptr) return fail(kKeyWrong, "the API key is wrong");
  return matched->principal;
}

}  // namespace forebay::accounts
