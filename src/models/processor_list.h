// Reads models.cpu_affinity.
// Threads: shared (no state). Owner: none.
#pragma once

#include <span>
#include <string>

#include "base/processors.h"
#include "base/result.h"

namespace forebay::models {

// "0-3" and "5" are 0, 1, 2, 3 and 5. kAffinitySettingInvalid for anything else, and for processors that the calling thread may not use.
Result<Processors> processors_of(std::span<const std::string> entries);

}  // namespace forebay::models
