// Decides what a principal may do. The one place for this: routes name an action, and the policy knows the roles.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <string_view>

#include "accounts/principal.h"
#include "base/result.h"

namespace forebay::accounts {

enum class Action : std::uint8_t {
  kHealth,      // asks whether the process answers and its models are ready
  kReadModels,  // lists models and reads what is public about them
  kInfer,       // gives a model work
  kReadStats,   // reads the server's metrics and statistics
  kAdminister,  // changes the server, or reads what requests have left
};

// `model` is the model that the action is about; empty if there is none, or it is not known yet.
// Errors: kKeyMissing (anonymous), kAdminNeedsKey (open server), kKeyNotAdmin (ordinary key).
Result<> allowed(const Principal& principal, Action action, std::string_view model = {});

}  // namespace forebay::accounts
