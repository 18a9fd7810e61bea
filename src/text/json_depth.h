// How deep a JSON text nests, counted before a parser that recurses sees it.
// Threads: immutable (no state).
#pragma once

#include <cstdint>
#include <string_view>

namespace forebay::text {

bool nests_deeper_than(std::string_view json, std::uint32_t depth_max);

}  // namespace forebay::text
