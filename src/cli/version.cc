#include "cli/version.h"

namespace forebay::cli {

std::string_view program_version() { return FOREBAY_VERSION; }

}  // namespace forebay::cli
