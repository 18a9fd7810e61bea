// Values of settings from text and back. Each type of leaf is treated in one place.
// Threads: no state.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/setting_entry.h"
#include "cli/setting_slots.h"

namespace forebay::cli {

// Writes the entry into its slot after checking type and range: kSettingWrongType, kSettingOutOfRange, each naming the origin.
// A list slot takes one item by an entry "path[i]"; a list written as one text is split at commas.
Result<> set_value(const NamedSlot& slot, const Entry& entry);
// The value as it may be written into a YAML file: 8080, "5m", ["a", "b"]. Secrets are masked.
std::string render_value(const NamedSlot& slot);
// "number", "duration", "size", "true or false", "text", "list of texts", "debug, info, …".
std::string type_of(const NamedSlot& slot);
// "0 to 65535", "1ms to 1d"; empty when nothing is bounded.
std::string range_of(const NamedSlot& slot);
// The names of an enumerated setting; empty for any other type.
std::span<const std::string_view> choices_of(const NamedSlot& slot);
// True for a setting whose value counts bytes: it takes suffixes such as MiB.
bool is_size(std::string_view path);

// "90s" to 90,000 ms and back; "64MiB" to 67,108,864 and back.
std::string render_duration(std::uint64_t microseconds);
std::string render_size(std::uint64_t bytes);

}  // namespace forebay::cli
