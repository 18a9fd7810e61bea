#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <ranges>

#include "accounts/key_authenticator.h"
#include "base/errors.h"
#include "cli/command.h"
#include "cli/configuration_documents.h"
#include "cli/did_you_mean.h"
#include "cli/errors.h"
#include "cli/listen_address.h"
#include "engines/engines.h"
#include "models/processor_list.h"
#include "models/repository.h"

namespace forebay::cli {

void add_configuration_flags(CLI::App& command, ConfigurationFlags& flags) {
  command.add_option("--config", flags.file, "Read this file (.yaml, .toml, .json) instead of ./forebay.*")->type_name("FILE");
  repeatable(command.add_option("--set", flags.assignments, "Set any setting, as in --set http.port=9000; repeatable"))
      ->type_name("PATH=VALUE");
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
Result<> check_backend(const std::string& chain) {
  if (chain == "auto") return {};
  std::vector<std::string> known;
  for (const auto& engine : engines::make_engines())
    for (const auto& device : engine->devices())
      if (device.usable) known.push_back(device.backend);
  for (const auto part : std::views::split(chain, ','))
    if (std::ranges::contains(known, std::string_view(part))) return {};
  return fail(kSettingOutOfRange, fmt::format("no engine here has '{}'{}", harmless(chain), did_you_mean(chain, known)));
}

// Finds what otherwise shows only when the settings are used: files, processors, backends and the address to listen on.
class UseCheck {
 public:
  UseCheck(const LoadedConfiguration& loaded, Mistakes& mistakes) : loaded_(loaded), mistakes_(mistakes) {}

  void run() {
    const Configuration& values = loaded_.values;
    for (const auto& model : values.models_served)
      if (!model.path.empty()) note("models_served", models::source_of({model.name, model.path}));
    if (!values.models_folder.empty()) note("models_folder", models::list_repository(values.models_folder, values.models.models_max));
    for (const auto& adapter : values.models.adapters) note("models.adapters", check_adapter(adapter));
    note("models.cpu_affinity", models::processors_of(values.models.cpu_affinity));
    note("models.backend", check_backend(values.models.backend));
    note("http.host", resolved_address(values.http.host));
    note("accounts.admin_keys", accounts::KeyAuthenticator::create(values.accounts));
  }

 private:
  // A setting that cannot be used here, whatever kind of error it is elsewhere.
  template <class T>
  void note(const std::string& path, const Result<T>& outcome) {
    if (outcome) return;
    const auto origin = loaded_.origins.find(path);
    const Error& error = outcome.error();
    mistakes_.push_back(Error(kSettingNotUsable, fmt::format("{}: {}: {}", origin == loaded_.origins.end() ? "default" : origin->second,
                                                             path, error.message()))
                            .with_hint(std::string(error.hint())));
  }

  static Result<> check_adapter(const std::string& adapter) {
    const auto setting = models::parse_adapter_setting(adapter);
    std::error_code error;
    if (!setting || std::filesystem::exists(setting->path, error)) return {};
    return fail(kFileNotFound, fmt::format("no such file: '{}'", harmless(setting->path)));
  }

  const LoadedConfiguration& loaded_;
  Mistakes& mistakes_;
};

Result<> check(Console& console, const ConfigurationFlags& flags, const std::string& file) {
  ConfigurationFlags with_file = flags;
  if (!file.empty()) with_file.file = file;
  TRY_ASSIGN(const auto sources, sources_with(with_file));
  const auto loaded =
      load_configuration(sources, [](const LoadedConfiguration& read, Mistakes& mistakes) { UseCheck(read, mistakes).run(); });
  if (!loaded) return fail(combined(loaded.error()));
  for (const auto& read : loaded->files) console.out << "read " << read.string() << '\n';
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
  show->footer("Examples:\n  forebay config show --origin");
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
  auto* check_command =
      config->add_subcommand("check", "Check the configuration, or one file in place of ./forebay.*, and whether it can be used here");
  add_configuration_flags(*check_command, check_flags->sources);
  check_command->add_option("FILE", check_flags->file, "The file to check");
  check_command->footer("Examples:\n  forebay config check\n  forebay config check --set http.port=9000");
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
