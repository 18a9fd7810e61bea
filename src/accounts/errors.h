// Codes FB6000 to FB6499.
#pragma once

#include "base/error.h"

namespace forebay::accounts {

inline constexpr ErrorCode kKeyMissing{6000, "api_key_missing", ErrorKind::kUnauthenticated,
                                       "This server wants an API key and the request brings none.",
                                       "send \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\""};
inline constexpr ErrorCode kKeyWrong{6001, "api_key_wrong", ErrorKind::kUnauthenticated, "The API key is not one of this server's.",
                                     "check the key for missing characters; it is compared byte by byte"};
inline constexpr ErrorCode kBadKey{
    6002, "bad_api_key_setting", ErrorKind::kInvalidArgument, "A configured API key cannot be used.",
    "use 8 to 512 printable ASCII characters without spaces, at most 1,000 keys of a kind, and none as both kinds"};
inline constexpr ErrorCode kAdminNeedsKey{6003, "admin_needs_key", ErrorKind::kPermissionDenied,
                                          "Routes that change the server are closed while it has no key.",
                                          "start it with --admin-key KEY or accounts.admin_keys, and send the key"};
inline constexpr ErrorCode kKeyNotAdmin{6004, "key_not_admin", ErrorKind::kPermissionDenied,
                                        "The route is the operator's, and the API key is an ordinary one.",
                                        "send an admin key; the server takes those of --admin-key and accounts.admin_keys"};

inline constexpr const ErrorCode* kAccountsErrors[] = {&kKeyMissing, &kKeyWrong, &kBadKey, &kAdminNeedsKey, &kKeyNotAdmin};

}  // namespace forebay::accounts
