// Every leaf of a Configuration by its dotted path, found by reflection: an option added to a room is a setting at once.
// Threads: confined to the caller; slots point into the Configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "cli/configuration.h"

namespace forebay::cli {

using Slot =
    std::variant<bool*, std::uint16_t*, std::uint32_t*, std::uint64_t*, double*, std::chrono::microseconds*, std::chrono::milliseconds*,
                 std::string*, forebay::log::Level*, forebay::log::Format*, std::vector<std::string>*, std::vector<ModelEntry>*>;

struct NamedSlot {
  std::string path;  // "models.generation.admission.queue_requests_max"
  Slot slot;
};

// In the order of the declarations.
std::vector<NamedSlot> slots_of(Configuration& configuration);

}  // namespace forebay::cli
