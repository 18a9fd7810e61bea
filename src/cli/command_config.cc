#include <fmt/format.h>

#include <ostream>

#include "cli/command.h"
#include "cli/configuration_documents.h"
#include "cli/errors.h"

namespace forebay::cli {

void add_configuration_flags(CLI::App& command, ConfigurationFlags& flags) {
  command.add_option("--config", flags.file, "Read this file (.yaml, .toml, .json) instead of ./forebay.*")->type_name("FILE");
  command.add_option("--set", flags.assignments, "Set any setting, as in --set http.port=9000")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->take_all();
}

Result<ConfigurationSources> sources_with(const ConfigurationFlags& flags, std::vector<Entry> more) {
  ConfigurationSources sources = usual_sources();
  if (!flags.file.empty()) sources.file = flags.file;
  for (const auto& assignment : flags.assignments) {
    const auto sign = assignment.find('=');
    if (sign == 0 || sign == std::string::npos) return fail(kUsage, fmt::format("--set takes PATH=VALUE, not '{}'", harmless(assignment)));
    sources.flags.push_back({assignment.substr(0, sign), assignment.substr(sign + 1), EntryKind::kPlain, "--set"});
  }
  for (auto& entry : more) sources.flags.push_back(std::move(entry));
  return sources;
}

Result<LoadedConfiguration> load_with(const ConfigurationFlags& flags, std::vector<Entry> more) {
  TRY_ASSIGN(const auto sources, sources_with(flags, std::move(more)));
  auto loaded = load_configuration(sources);
  if (!loaded) return fail(combined(loaded.error()));
  return *std::move(loaded);
}

namespace {
Result<> check(Console& console, const ConfigurationFlags& flags, const std::string& file) {
  ConfigurationFlags with_file = flags;
  if (!file.empty()) with_file.file = file;
  TRY_ASSIGN(const auto loaded, load_with(with_file));
  for (const auto& read : loaded.files) console.out << "read " << read.string() << '\n';
  console.out << "the configuration is valid\n";
  return {};
}
}  // namespace

void add_config_command(CLI::App& program, Invocation& invocation) {
  auto* config = program.add_subcommand("config", "Show, check and describe the configuration");
  config->require_subcommand(1);

  struct ShowFlags {
    ConfigurationFlags sources;
    bool origin = false;
  };
  auto show_flags = std::make_shared<ShowFlags>();
  auto* show = config->add_subcommand("show", "Print every setting as YAML, secrets masked");
  add_configuration_flags(*show, show_flags->sources);
  show->add_flag("--origin", show_flags->origin, "Say where each value comes from");
  show->footer("Example:\n  forebay config show --origin");
  show->callback([&invocation, show_flags] {
    invocation.action = [&invocation, show_flags]() -> Result<> {
      TRY_ASSIGN(const auto loaded, load_with(show_flags->sources));
      invocation.console.out << configuration_yaml(loaded, {.origins = show_flags->origin});
      return {};
    };
  });

  struct CheckFlags {
    ConfigurationFlags sources;
    std::string file;
  };
  auto check_flags = std::make_shared<CheckFlags>();
  auto* check_command = config->add_subcommand("check", "Check the configuration, or one file in place of ./forebay.*");
  add_configuration_flags(*check_command, check_flags->sources);
  check_command->add_option("FILE", check_flags->file, "The file to check");
  check_command->footer("Example:\n  forebay config check forebay.yaml");
  check_command->callback([&invocation, check_flags] {
    invocation.action = [&invocation, check_flags] { return check(invocation.console, check_flags->sources, check_flags->file); };
  });

  config->add_subcommand("schema", "Print the JSON Schema of a configuration file")->callback([&invocation] {
    invocation.action = [&invocation]() -> Result<> { return invocation.console.out << configuration_schema(), Result<>(); };
  });
  config->add_subcommand("markdown", "Print docs/configuration.md")->callback([&invocation] {
    invocation.action = [&invocation]() -> Result<> { return invocation.console.out << configuration_markdown(), Result<>(); };
  });
}

}  // namespace forebay::cli
