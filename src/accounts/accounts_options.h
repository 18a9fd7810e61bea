// The room's settings.
#pragma once

#include <string>
#include <vector>

namespace forebay::accounts {

// Never shown by `config show`. Without any key the server is open.
struct AccountsOptions {
  std::vector<std::string> api_keys;    // for inference and what is public about models
  std::vector<std::string> admin_keys;  // for everything

  bool has_keys() const { return !api_keys.empty() || !admin_keys.empty(); }
};

}  // namespace forebay::accounts
