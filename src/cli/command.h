// What the commands share. Each command is one file: it declares its options and says what to do with them.
// Threads: confined to the main thread.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/configuration_layers.h"
#include "cli/console.h"

namespace forebay::cli {

// One call of the program. A command's callback sets `action`, which runs after the whole command line has been understood.
struct Invocation {
  Console& console;
  std::function<Result<>()> action;
};

void add_serve_command(CLI::App& program, Invocation& invocation);
void add_run_command(CLI::App& program, Invocation& invocation);
void add_inspect_command(CLI::App& program, Invocation& invocation);
void add_devices_command(CLI::App& program, Invocation& invocation);
void add_doctor_command(CLI::App& program, Invocation& invocation);
void add_explain_command(CLI::App& program, Invocation& invocation);
void add_config_command(CLI::App& program, Invocation& invocation);
void add_completion_command(CLI::App& program, Invocation& invocation);
void add_version_command(CLI::App& program, Invocation& invocation);

// An option that may be given several times, with one value each time: without this, CLI11 takes every argument behind it.
inline CLI::Option* repeatable(CLI::Option* option) { return option->expected(1)->take_all()->allow_extra_args(false); }

// --json and --output table|json, which every command that lists something has.
struct ListForm {
  std::string name = "table";
  bool json = false;
};
void add_list_form(CLI::App& command, ListForm& form);
// Whether JSON is wanted. kUsage for a form that is none.
Result<bool> wants_json(const ListForm& form);

// --config FILE and --set PATH=VALUE, for every command that reads the configuration.
struct ConfigurationFlags {
  std::string file;
  std::vector<std::string> assignments;
};
void add_configuration_flags(CLI::App& command, ConfigurationFlags& flags);
// The usual sources with these flags on top; `more` wins over --set. kUsage for an assignment without '='.
Result<ConfigurationSources> sources_with(const ConfigurationFlags& flags, std::vector<Entry> more = {});
// The same, loaded; many mistakes as one error.
Result<LoadedConfiguration> load_with(const ConfigurationFlags& flags, std::vector<Entry> more = {});

}  // namespace forebay::cli
