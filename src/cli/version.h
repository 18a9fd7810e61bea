// The program's version, from the build.
#pragma once

#include <string_view>

namespace forebay::cli {

std::string_view program_version();

}  // namespace forebay::cli
