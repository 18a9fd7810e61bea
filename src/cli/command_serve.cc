#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ostream>
#include <span>

#include "base/log.h"
#include "base/mapped_file.h"
#include "base/synchronized.h"
#include "cli/command.h"
#include "cli/errors.h"
#include "cli/example_models.h"
#include "cli/listen_address.h"
#include "cli/serve.h"
#include "cli/serve_greeting.h"
#include "models/split_models.h"

namespace forebay::cli {

namespace {
// Flags that are another name for settings.
struct SettingFlag {
  const char* flag;
  const char* type;
  const char* help;
  std::array<const char*, 3> paths;
};
constexpr std::array kSettingFlags = {
    SettingFlag{"--host", "ADDRESS", "Address to listen on (127.0.0.1)", {"http.host"}},
    SettingFlag{"--port", "PORT", "Port to listen on (8080); 0 takes any free one", {"http.port"}},
    SettingFlag{"--workers", "N", "Engine threads of each model", {"models.tensors.workers", "models.generation.workers"}},
    SettingFlag{"--queue-size",
                "N",
                "Requests of one model that may wait",
                {"models.generation.admission.queue_requests_max", "models.tensors.admission.queue_requests_max",
                 "models.embedding.admission.queue_requests_max"}},
    SettingFlag{"--max-concurrent-requests", "N", "Requests in flight; 503 beyond", {"http.concurrent_requests_max"}},
    SettingFlag{"--backend", "NAMES", "Where models compute: auto, cpu, … or a chain", {"models.backend"}},
    SettingFlag{"--log-level", "LEVEL", "debug, info, warning, error or off", {"log.level"}},
    SettingFlag{"--log-format", "FORMAT", "console or json", {"log.format"}},
};

// A kind of key: each flag may be repeated, and keys of files are added to those of the other one.
struct KeyKind {
  const char* flag;
  const char* file_flag;
  const char* help;
  const char* file_help;
  const char* path;  // of its setting
};
constexpr std::array kKeyKinds = {
    KeyKind{"--api-key", "--api-key-file",
            "A key that clients must bring, for inference; repeatable. Others on this machine can see flags: prefer a file",
            "Such keys, one a line; repeatable", "accounts.api_keys"},
    KeyKind{"--admin-key", "--admin-key-file",
            "An operator's key: for everything, and alone for /admin, /metrics and /server/stats; repeatable",
            "Such keys, one a line; repeatable", "accounts.admin_keys"},
};
struct KeyFlags {
  std::vector<std::string> keys;
  std::vector<std::string> files;
};

struct ServeFlags {
  ConfigurationFlags configuration;
  std::vector<std::string> files;
  std::vector<std::string> named_models;
  std::string models_folder;
  std::array<KeyFlags, kKeyKinds.size()> keys;
  std::vector<std::string> cors_origins;
  std::array<std::string, kSettingFlags.size()> settings;
};

constexpr std::size_t kKeyFileBytesMax = 1 << 20;

void add_list(std::vector<Entry>& entries, const std::string& path, const std::vector<std::string>& values, const std::string& flag) {
  if (values.empty()) return;
  entries.push_back({path, "", EntryKind::kList, flag});
  for (std::size_t i = 0; i < values.size(); ++i) entries.push_back({fmt::format("{}[{}]", path, i), values[i], EntryKind::kText, flag});
}

// Keys one a line; empty lines and lines that begin with '#' are left out. kUsage for a file without a key: it would leave the server open.
Result<std::vector<std::string>> keys_in(const std::string& file, const char* flag) {
  TRY_ASSIGN(const std::string text, read_text_file(file, kKeyFileBytesMax), fmt::format("reading {}", flag));
  std::vector<std::string> keys;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && line.front() != '#') keys.push_back(std::move(line));
    at = end + 1;
  }
  if (keys.empty()) return fail(kUsage, fmt::format("a file given by {} has no key", flag));
  return keys;
}

Result<> add_keys(std::vector<Entry>& entries, const KeyKind& kind, const KeyFlags& flags) {
  auto keys = flags.keys;
  for (const auto& file : flags.files) {
    TRY_ASSIGN(const auto more, keys_in(file, kind.file_flag));
    keys.insert(keys.end(), more.begin(), more.end());
  }
  add_list(entries, kind.path, keys, kind.flag);
  return {};
}

// Models named by flags replace what lower layers say about models, folder included.
void add_models(std::vector<Entry>& entries, const ServeFlags& flags) {
  if (flags.files.empty() && flags.named_models.empty() && flags.models_folder.empty()) return;
  entries.push_back({"models_served", "", EntryKind::kList, "command line"});
  std::size_t count = 0;
  for (const auto& file : flags.files)
    entries.push_back({fmt::format("models_served[{}].path", count++), file, EntryKind::kText, "command line"});
  for (const auto& model : flags.named_models)
    entries.push_back({fmt::format("models_served[{}]", count++), model, EntryKind::kText, "--model"});
  entries.push_back({"models_folder", flags.models_folder, EntryKind::kText, "--models"});
}

Result<std::vector<Entry>> entries_of(const ServeFlags& flags) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < kSettingFlags.size(); ++i) {
    if (flags.settings[i].empty()) continue;
    for (const char* path : kSettingFlags[i].paths)
      if (path != nullptr) entries.push_back({path, flags.settings[i], EntryKind::kPlain, kSettingFlags[i].flag});
  }
  add_models(entries, flags);
  for (std::size_t i = 0; i < kKeyKinds.size(); ++i) TRY(add_keys(entries, kKeyKinds[i], flags.keys[i]));
  add_list(entries, "http.cors_origins", flags.cors_origins, "--cors");
  return entries;
}

// Says what a folder has beside the models that are served.
void report_ignored(const std::vector<models::IgnoredFile>& ignored) {
  std::vector<std::string> others;
  for (const auto& file : ignored) {
    if (file.looks_like_model)
      log::warning("not served", {{"file", harmless(file.path)}, {"reason", harmless(file.reason)}});
    else
      others.push_back(harmless(file.path));
  }
  constexpr std::size_t kShownMax = 20;
  if (others.empty()) return;
  const auto shown = std::span(others).first(std::min(others.size(), kShownMax));
  log::info("no model files", {{"count", std::to_string(others.size())},
                               {"files", fmt::format("{}{}", fmt::join(shown, ", "), others.size() > kShownMax ? ", …" : "")}});
}

struct Sources {
  std::vector<models::ModelSource> models;
  std::size_t skipped = 0;  // what looks like a model and is not served
};

Result<Sources> sources_of(const Configuration& configuration) {
  Sources sources;
  for (const auto& model : configuration.models_served) {
    TRY_ASSIGN(auto source, models::source_of({model.name, model.path}));
    sources.models.push_back(std::move(source));
  }
  models::keep_first_parts(sources.models);
  std::filesystem::path folder = configuration.models_folder;
  if (sources.models.empty() && folder.empty()) {
    TRY_ASSIGN(folder, example_models_folder(own_executable()));
  }
  if (!folder.empty()) {
    TRY_ASSIGN(auto listing, models::list_repository(folder, configuration.models.models_max));
    models::leave_out_named(listing, folder, sources.models);
    report_ignored(listing.ignored);
    sources.skipped = static_cast<std::size_t>(std::ranges::count_if(listing.ignored, &models::IgnoredFile::looks_like_model));
    for (auto& source : listing.sources) sources.models.push_back(std::move(source));
  }
  return sources;
}

ServeOptions options_of(const Configuration& configuration, std::vector<models::ModelSource> sources) {
  return {.http = configuration.http,
          .accounts = configuration.accounts,
          .models = configuration.models,
          .memory_budget_bytes = configuration.memory.budget_bytes,
          .memory_pressure = configuration.memory.pressure,
          .drain_timeout = configuration.shutdown.drain_timeout,
          .stop_timeout = configuration.shutdown.stop_timeout,
          .background_threads = configuration.threads.background,
          .request_threads = configuration.threads.request,
          .sources = std::move(sources)};
}

// Says once, when the port answers and every load has ended, what to try.
class Greeting {
 public:
  Greeting(Console& console, const ServeOptions& options, std::size_t skipped, bool wanted)
      : console_(console), options_(options), skipped_(skipped), wanted_(wanted) {}
  void listening(std::uint16_t port) {
    log::info("listening on " + url_of(options_.http, port));
    step([&](State& state) { state.port = port; });
  }
  void settled(bool all_ready) {
    if (all_ready && skipped_ > 0)
      log::warning("every model that is served is ready; some files are not served", {{"not_served", std::to_string(skipped_)}});
    else if (all_ready)
      log::info("every model is ready");
    else
      log::error("some models could not be loaded; GET /v1/models says why");
    step([&](State& state) { state.ready = all_ready; });
  }

 private:
  struct State {
    std::uint16_t port = 0;
    bool ready = false;
    bool greeted = false;
  };
  template <class Change>
  void step(Change change) {
    std::uint16_t port = 0;
    {
      auto state = state_.lock();
      change(*state);
      if (!wanted_ || state->greeted || !state->ready || state->port == 0) return;
      state->greeted = true;
      port = state->port;
    }
    const bool needs_key = options_.accounts.has_keys();
    if (!needs_key && !is_loopback(options_.http.host)) console_.out << "\nWARNING: " << open_server_warning(options_.http.host) << '\n';
    console_.out << things_to_try(options_.sources, url_of(options_.http, port), needs_key) << std::flush;
  }

  Console& console_;
  const ServeOptions& options_;
  const std::size_t skipped_;
  const bool wanted_;
  Synchronized<State> state_;
};

Result<> run_serve(Console& console, const ServeFlags& flags) {
  TRY_ASSIGN(auto entries, entries_of(flags));
  TRY_ASSIGN(const auto loaded, load_with(flags.configuration, std::move(entries)));
  log::configure(loaded.values.log);
  for (const auto& file : loaded.files) log::debug("configuration read", {{"file", file.string()}});
  if (!loaded.ignored_variables.empty())
    log::info("environment variables that are no settings",
              {{"ignored", harmless(fmt::format("{}", fmt::join(loaded.ignored_variables, ", ")))}});
  TRY_ASSIGN(auto sources, sources_of(loaded.values));
  ServeOptions options = options_of(loaded.values, std::move(sources.models));
  TRY_ASSIGN(options.http.host, resolved_address(options.http.host));
  if (!options.accounts.has_keys() && !is_loopback(options.http.host)) log::warning(open_server_warning(options.http.host));
  if (options.accounts.has_keys() && options.accounts.admin_keys.empty())
    log::info("no admin key is set: /admin, /metrics and /server/stats are closed; --admin-key opens them");
  Greeting greeting(console, options, sources.skipped, loaded.values.log.format == log::Format::kConsole);
  TRY(serve(options, {.listening = [&](std::uint16_t port) { greeting.listening(port); },
                      .settled = [&](bool all_ready) { greeting.settled(all_ready); }}));
  log::info("stopped");
  return {};
}
}  // namespace

void add_serve_command(CLI::App& program, Invocation& invocation) {
  auto flags = std::make_shared<ServeFlags>();
  auto* command = program.add_subcommand("serve", "Serve models over HTTP");
  command->add_option("FILE", flags->files, "Model files; without any model the example models are served");
  repeatable(command->add_option("--model", flags->named_models, "A model file under a name of its own; repeatable"))
      ->type_name("[NAME=]FILE");
  command->add_option("--models", flags->models_folder, "Every model in a folder: NAME.gguf, NAME/model.onnx, NAME/VERSION/model.onnx")
      ->type_name("DIR");
  for (std::size_t i = 0; i < kSettingFlags.size(); ++i)
    command->add_option(kSettingFlags[i].flag, flags->settings[i], kSettingFlags[i].help)->type_name(kSettingFlags[i].type);
  for (std::size_t i = 0; i < kKeyKinds.size(); ++i) {
    repeatable(command->add_option(kKeyKinds[i].flag, flags->keys[i].keys, kKeyKinds[i].help))->type_name("KEY");
    repeatable(command->add_option(kKeyKinds[i].file_flag, flags->keys[i].files, kKeyKinds[i].file_help))->type_name("FILE");
  }
  repeatable(command->add_option("--cors", flags->cors_origins, "An origin whose pages may call this server, or *; repeatable"))
      ->type_name("ORIGIN");
  add_configuration_flags(*command, flags->configuration);
  command->footer(
      "Examples (in examples/models):\n"
      "  forebay serve                                       # the example models\n"
      "  forebay serve chat.gguf digits.onnx\n"
      "  forebay serve --model assistant=chat.gguf --port 9000\n"
      "  forebay serve --models . --host 0.0.0.0 --api-key 0123456789abcdef --admin-key fedcba9876543210\n"
      "\n"
      "SIGTERM, Ctrl-C and a closed terminal let running requests end; a second signal does\n"
      "not wait. Every setting is in docs/configuration.md.");
  command->callback([&invocation, flags] { invocation.action = [&invocation, flags] { return run_serve(invocation.console, *flags); }; });
}

}  // namespace forebay::cli
