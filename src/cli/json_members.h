// The members of a JSON object, each as the text of its value.
// Threads: no state.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace forebay::cli {

// kInputNotUnderstood for anything but one object, with the reason.
Result<std::vector<std::pair<std::string, std::string>>> json_members(std::string_view json);

}  // namespace forebay::cli
