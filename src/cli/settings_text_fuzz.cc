// Configuration files as strangers might write them: every format, all the way into a Configuration.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/setting_entry.h"
#include "cli/setting_slots.h"
#include "cli/setting_value.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), count);
  for (const bool toml : {false, true}) {
    auto entries = toml ? forebay::cli::flatten_toml(text, "input") : forebay::cli::flatten_yaml(text, "input");
    if (!entries) continue;
    forebay::cli::Configuration configuration;
    const auto slots = forebay::cli::slots_of(configuration);
    for (const auto& entry : *entries) {
      for (const auto& slot : slots) {
        if (entry.path.substr(0, entry.path.find('[')) != slot.path) continue;
        if (!forebay::cli::set_value(slot, entry)) continue;
        (void)forebay::cli::render_value(slot);
      }
    }
  }
  return 0;
}
