// The room's settings.
#pragma once

#include <string>
#include <vector>

namespace forebay::accounts {

struct AccountsOptions {
  std::vector<std::string> api_keys;  // empty: the server is open. Never shown by `config show`.
};

}  // namespace forebay::accounts
