// What is shown about the configuration: its values, its JSON Schema and docs/configuration.md, all from the settings themselves.
// Threads: no state.
#pragma once

#include <string>

#include "cli/configuration_layers.h"

namespace forebay::cli {

// YAML that reads back to the same values, except for secrets, which are masked. With origins, each line says where its value comes from.
struct ShowOptions {
  bool origins = false;
};
std::string configuration_yaml(const LoadedConfiguration& loaded, ShowOptions options);
// JSON Schema (draft 2020-12) of a configuration file, for completion and checking in editors.
std::string configuration_schema();
// docs/configuration.md.
std::string configuration_markdown();

}  // namespace forebay::cli
