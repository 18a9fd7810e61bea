// Settings from the environment: a setting's path in capitals with '_' for '.', so http.port is FOREBAY_HTTP_PORT. A list is split at
// commas.
//
// An empty variable counts as not set, as container tools pass variables on; for a secret it is a mistake, because it would leave the
// server open. Variables that Kubernetes makes for a neighbouring Service are ignored. An unknown FOREBAY_* name is a mistake if it is
// nearly a setting's name or the end of one, else it is ignored. Threads: no state.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/setting_entry.h"
#include "cli/setting_slots.h"

namespace forebay::cli {

struct ReadEnvironment {
  std::vector<Entry> entries;
  std::vector<Error> mistakes;
  std::vector<std::string> ignored;  // names that begin with FOREBAY_ and are no settings
};
ReadEnvironment read_environment(std::span<const std::pair<std::string, std::string>> variables, std::span<const NamedSlot> slots);

// "FOREBAY_HTTP_PORT" of "http.port".
std::string environment_name(std::string_view path);

}  // namespace forebay::cli
