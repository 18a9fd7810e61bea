// Reads the configuration: defaults < system file < user file < project file (or --config) < FOREBAY_* < flags.
//
// The environment is read by environment.h.
// Threads: no state.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/configuration.h"
#include "cli/setting_entry.h"

namespace forebay::cli {

struct ConfigurationSources {
  std::filesystem::path system_folder;  // each folder: config.yaml, config.yml, config.toml or config.json; empty: none
  std::filesystem::path user_folder;
  std::filesystem::path project_folder;       // forebay.yaml, …
  std::optional<std::filesystem::path> file;  // instead of the project's
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<Entry> flags;
};

struct LoadedConfiguration {
  Configuration values;
  std::map<std::string, std::string> origins;  // path -> where its value comes from; absent: the default
  std::vector<std::filesystem::path> files;    // that were read, lowest first
  std::vector<std::string> ignored_variables;  // FOREBAY_* names that are no settings
};

// Every mistake, in the order of the layers: an unreadable or malformed file (its other values are not looked at), unknown and repeated
// settings, wrong types, ranges, and settings that contradict each other (only when nothing else is wrong).
using Mistakes = std::vector<Error>;
// `also` adds to them, and sees the values as far as they could be read.
using FurtherCheck = std::function<void(const LoadedConfiguration&, Mistakes&)>;
std::expected<LoadedConfiguration, Mistakes> load_configuration(const ConfigurationSources& sources, const FurtherCheck& also = {});

// One error for many mistakes: the mistake itself when there is one, else kConfigurationInvalid with a line for each.
Error combined(const Mistakes& mistakes);

// The usual places: /etc/forebay, $XDG_CONFIG_HOME/forebay or ~/.config/forebay, the working directory, and this process's environment.
ConfigurationSources usual_sources();

}  // namespace forebay::cli
