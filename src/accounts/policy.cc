#include "accounts/policy.h"

#include <fmt/format.h>

#include "accounts/errors.h"

namespace forebay::accounts {

namespace {
// Lists what a role may do, so that a new action is closed until it is listed.
bool may(Role role, Action action) {
  const bool work = action == Action::kHealth || action == Action::kReadModels || action == Action::kInfer;
  switch (role) {
    case Role::kAnonymous:
      return action == Action::kHealth;
    case Role::kOpen:
      return work || action == Action::kReadStats;
    case Role::kUser:
      return work;
    case Role::kAdmin:
      return true;
  }
  return false;
}

std::string_view words_for(Action action) {
  switch (action) {
    case Action::kHealth:
      return "ask for the server's health";
    case Action::kReadModels:
      return "read about models";
    case Action::kInfer:
      return "use models";
    case Action::kReadStats:
      return "read the server's statistics";
    case Action::kAdminister:
      return "administer the server";
  }
  return "do this";
}
}  // namespace

Result<> allowed(const Principal& principal, Action action, std::string_view model) {
  if (may(principal.role, action)) return {};
  if (principal.role == Role::kAnonymous) return fail(kKeyMissing, "an API key is needed");
  const std::string about = model.empty() ? "" : fmt::format(" (model '{}')", model.substr(0, 128));
  if (principal.role == Role::kOpen)
    return fail(kAdminNeedsKey, fmt::format("an admin key is needed to {}{}, and the server has no keys", words_for(action), about));
  return fail(kKeyNotAdmin, fmt::format("an ordinary API key may not {}{}", words_for(action), about));
}

}  // namespace forebay::accounts
