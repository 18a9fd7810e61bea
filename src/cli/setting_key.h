// What may be the name of a setting.
// Threads: no state.
#pragma once

#include <string>
#include <string_view>

#include "cli/json_text.h"

namespace forebay::cli {

// 1 to 64 of [A-Za-z0-9_-].
inline bool is_setting_key(std::string_view key) {
  return !key.empty() && key.size() <= 64 &&
         key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}
// For a message: quoted, and cut when it is long.
inline std::string quoted_key(std::string_view key) { return json_string(key.substr(0, 64)); }

}  // namespace forebay::cli
