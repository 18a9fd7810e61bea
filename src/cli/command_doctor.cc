#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <system_error>

#include "base/ids.h"
#include "base/machine.h"
#include "base/mapped_file.h"
#include "cli/command.h"
#include "cli/errors.h"
#include "cli/example_models.h"
#include "cli/json_text.h"
#include "cli/listen_address.h"
#include "engines/engines.h"
#include "engines/findings.h"
#include "models/repository.h"

namespace forebay::cli {

namespace {
enum class Health : std::uint8_t { kGood, kNote, kBad };

struct Check {
  std::string name;
  Health health = Health::kGood;
  std::string finding;
  std::string advice;  // for a note or a failure
};

Check check_configuration(const Result<LoadedConfiguration>& loaded) {
  if (!loaded) return {"configuration", Health::kBad, loaded.error().message(), std::string(loaded.error().hint())};
  return {"configuration", Health::kGood, loaded->files.empty() ? "defaults, no file" : fmt::format("{} file(s)", loaded->files.size()),
          ""};
}

Check check_machine() {
  const auto memory = usable_memory_bytes();
  Check check{"machine", Health::kGood, fmt::format("{} core(s) and {} may be used", usable_cores(), human_bytes(memory)), ""};
  if (memory < std::uint64_t{512} << 20) {
    check.health = Health::kNote;
    check.advice = "only small models fit; raise the memory limit of the container";
  }
  return check;
}

std::vector<Check> check_engines() {
  std::vector<Check> checks;
  for (const auto& engine : engines::make_engines()) {
    const auto devices = engine->devices();
    if (devices.empty()) continue;  // stands on the others
    std::string usable;
    for (const auto& device : devices)
      if (device.usable) usable += (usable.empty() ? "" : ", ") + device.backend;
    Check check{fmt::format("engine {}", engine->name()), Health::kGood, "backends: " + usable, ""};
    if (usable.empty()) check = {check.name, Health::kBad, "no backend is usable", "'forebay devices' says why"};
    checks.push_back(std::move(check));
  }
  return checks;
}

// What the libraries that compute have to say: a slow BLAS backend, telemetry that is not off, …
std::vector<Check> check_libraries() {
  std::vector<Check> checks;
  for (auto& finding : engines::environment_findings()) checks.push_back({"engine libraries", Health::kNote, std::move(finding), ""});
  if (checks.empty()) checks.push_back({"engine libraries", Health::kGood, "no telemetry, no backend that slows others down", ""});
  return checks;
}

Check check_port(const Configuration& configuration) {
  const auto& http = configuration.http;
  const std::string name = fmt::format("port {}", http.port);
  const auto address = resolved_address(http.host);
  if (!address) return {name, Health::kBad, address.error().message(), std::string(address.error().hint())};
  const int failed = bind_error(*address, http.port);
  if (failed != 0)
    return {name, Health::kNote, fmt::format("cannot be taken on {}: {}", http.host, std::generic_category().message(failed)),
            "choose another with --port, or stop the program that has it"};
  if (!configuration.accounts.has_keys() && !is_loopback(*address))
    return {name, Health::kNote, fmt::format("free on {}, which others can reach, and no API key is set", http.host),
            "set accounts.api_keys, or listen on 127.0.0.1"};
  return {name, Health::kGood, "free on " + http.host, ""};
}

Check check_folder() {
  std::error_code ignored;
  auto folder = std::filesystem::temp_directory_path(ignored);
  const auto probe = folder / make_id("forebay-doctor");
  const auto written = write_file_atomically(probe, "");
  std::filesystem::remove(probe, ignored);
  if (written) return {"temporary files", Health::kGood, folder.string() + " is writable", ""};
  return {"temporary files", Health::kNote, written.error().message(), "set TMPDIR to a folder that this user may write to"};
}

Check check_models(const Configuration& configuration) {
  for (const auto& model : configuration.models_served)
    if (const auto source = models::source_of({model.name, model.path}); !source)
      return {"models", Health::kBad, source.error().message(), std::string(source.error().hint())};
  std::filesystem::path folder = configuration.models_folder;
  if (folder.empty() && !configuration.models_served.empty())
    return {"models", Health::kGood, fmt::format("{} named", configuration.models_served.size()), ""};
  if (folder.empty()) {
    auto examples = example_models_folder(own_executable());
    if (!examples) return {"models", Health::kNote, examples.error().message(), "name models on the command line of serve"};
    folder = *examples;
  }
  const auto listing = models::list_repository(folder, configuration.models.models_max);
  if (!listing) return {"models", Health::kBad, listing.error().message(), std::string(listing.error().hint())};
  const std::string found = fmt::format("{} in {}", listing->sources.size(), folder.string());
  for (const auto& file : listing->ignored)
    if (file.looks_like_model) return {"models", Health::kNote, found, fmt::format("{} is not served: {}", file.path, file.reason)};
  return {"models", Health::kGood, found, ""};
}

Check check_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text = value;
    const bool utf8 = text.contains("UTF-8") || text.contains("utf8") || text.contains("utf-8");
    if (utf8) return {"locale", Health::kGood, std::string(name) + "=" + value, ""};
    return {"locale", Health::kNote, std::string(name) + "=" + harmless(text) + " is not UTF-8",
            "set LC_ALL=C.UTF-8 to see every character"};
  }
  return {"locale", Health::kNote, "none is set", "set LC_ALL=C.UTF-8 to see every character"};
}

std::string as_json(const std::vector<Check>& checks) {
  static constexpr std::array<std::string_view, 3> kWords = {"good", "note", "bad"};
  std::string out;
  for (const auto& check : checks)
    out += fmt::format(R"({}  {{"check": {}, "health": "{}", "finding": {}, "advice": {}}})", out.empty() ? "" : ",\n",
                       json_string(check.name), kWords[static_cast<std::size_t>(check.health)], json_string(check.finding),
                       json_string(check.advice));
  return "[\n" + out + "\n]\n";
}

std::string as_text(const std::vector<Check>& checks) {
  static constexpr std::array<std::string_view, 3> kWords = {"ok", "note", "FAILED"};
  std::vector<std::vector<std::string>> rows;
  for (const auto& check : checks) {
    rows.push_back({std::string(kWords[static_cast<std::size_t>(check.health)]), check.name, harmless(check.finding)});
    if (!check.advice.empty()) rows.push_back({"", "", "-> " + check.advice});
  }
  return aligned(rows);
}

Result<> examine(Console& console, const ConfigurationFlags& flags, const ListForm& form) {
  TRY_ASSIGN(const bool json, wants_json(form));
  const auto loaded = load_with(flags);
  const Configuration configuration = loaded ? loaded->values : Configuration();
  std::vector<Check> checks = {check_configuration(loaded), check_machine()};
  for (auto& check : check_engines()) checks.push_back(std::move(check));
  for (auto& check : check_libraries()) checks.push_back(std::move(check));
  for (auto& check : {check_port(configuration), check_folder(), check_models(configuration), check_locale()}) checks.push_back(check);
  console.out << (json ? as_json(checks) : as_text(checks));
  const auto failed = std::ranges::count(checks, Health::kBad, &Check::health);
  if (failed != 0) return fail(kDoctorFailed, fmt::format("{} check(s) failed", failed));
  return {};
}
}  // namespace

void add_doctor_command(CLI::App& program, Invocation& invocation) {
  struct DoctorFlags {
    ConfigurationFlags configuration;
    ListForm form;
  };
  auto flags = std::make_shared<DoctorFlags>();
  auto* command = program.add_subcommand("doctor", "Check this machine and the configuration");
  add_list_form(*command, flags->form);
  add_configuration_flags(*command, flags->configuration);
  command->callback([&invocation, flags] {
    invocation.action = [&invocation, flags] { return examine(invocation.console, flags->configuration, flags->form); };
  });
}

}  // namespace forebay::cli
