#include "cli/configuration_layers.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <system_error>

#include "base/mapped_file.h"
#include "cli/did_you_mean.h"
#include "cli/environment.h"
#include "cli/errors.h"
#include "cli/setting_rules.h"
#include "cli/setting_slots.h"
#include "cli/setting_value.h"
#include "models/repository.h"

namespace forebay::cli {

namespace {
constexpr std::array<std::string_view, 4> kExtensions = {".yaml", ".yml", ".toml", ".json"};

// A relative path means the folder of the file that names it.
std::string based_on(const std::filesystem::path& folder, std::string path) {
  if (folder.empty() || path.empty() || path.starts_with('/')) return path;
  return (folder / path).lexically_normal().string();
}

std::string adapter_based_on(const std::filesystem::path& folder, const std::string& text) {
  const auto setting = models::parse_adapter_setting(text);
  return setting ? fmt::format("{}/{}={}", setting->model, setting->adapter, based_on(folder, setting->path)) : text;
}

class Loading {
 public:
  Loading() : slots_(slots_of(loaded_.values)) {
    for (const auto& slot : slots_) names_.push_back(slot.path);
  }

  void file(const std::filesystem::path& path) {
    auto layer = flatten_file(path);
    if (!layer) return mistakes_.push_back(std::move(layer).error());
    loaded_.files.push_back(path);
    apply(*layer);
  }
  // At most one of the known names may be there.
  void folder(const std::filesystem::path& folder, const std::string& stem) {
    if (folder.empty()) return;
    std::vector<std::filesystem::path> found;
    for (const auto extension : kExtensions) {
      std::error_code ignored;
      auto candidate = folder / (stem + std::string(extension));
      if (std::filesystem::exists(candidate, ignored)) found.push_back(std::move(candidate));
    }
    if (found.size() > 1)
      mistakes_.emplace_back(kConfigurationAmbiguous, fmt::format("{} and {} are both there", found[0].string(), found[1].string()));
    else if (!found.empty())
      file(found.front());
  }
  void environment(const std::vector<std::pair<std::string, std::string>>& variables) {
    auto read = read_environment(variables, slots_);
    for (auto& mistake : read.mistakes) mistakes_.push_back(std::move(mistake));
    loaded_.ignored_variables = std::move(read.ignored);
    apply({"", std::move(read.entries)});
  }
  void apply(const Layer& layer) {
    reported_.clear();
    for (const auto& entry : layer.entries) {
      const NamedSlot* slot = slot_for(entry);
      if (slot == nullptr) continue;
      const bool is_item = entry.path.size() > slot->path.size();
      if (is_item && reported_.contains(slot->path)) continue;  // a list where there may be none is one mistake
      if (auto done = set_value(*slot, entry); !done) {
        mistakes_.push_back(std::move(done).error());
        if (entry.kind == EntryKind::kList) reported_.insert(slot->path);
      } else {
        loaded_.origins[slot->path] = entry.origin;
        touched_.insert(slot->path);
      }
    }
    resolve_paths(layer.folder);
  }

  std::expected<LoadedConfiguration, Mistakes> finish(const FurtherCheck& also) {
    if (mistakes_.empty()) {
      for (const auto& model : loaded_.values.models_served)
        if (model.path.empty())
          mistakes_.emplace_back(kSettingWrongType, fmt::format("{}: a model in models_served has no path", origin_of("models_served")));
      for (auto& conflict : conflicts_in(loaded_.values))
        mistakes_.emplace_back(kSettingsConflict,
                               fmt::format("{} ({} and {})", conflict.problem, origin_of(conflict.first), origin_of(conflict.second)));
    }
    if (also) also(loaded_, mistakes_);
    if (!mistakes_.empty()) return std::unexpected(std::move(mistakes_));
    return std::move(loaded_);
  }

 private:
  // Null when nothing is to be set: an empty section, or a mistake that is now noted.
  const NamedSlot* slot_for(const Entry& entry) {
    const std::string_view path = std::string_view(entry.path).substr(0, entry.path.find('['));
    const auto found = std::ranges::find(slots_, path, &NamedSlot::path);
    if (found != slots_.end()) return &*found;
    const bool section = std::ranges::any_of(names_, [&](const std::string& name) { return name.starts_with(std::string(path) + "."); });
    if (section && entry.kind == EntryKind::kNull) return nullptr;
    if (section)
      mistakes_.emplace_back(kSettingWrongType, fmt::format("{}: {} is a section with settings below it, not a value", entry.origin, path));
    else if (reported_.emplace(path).second)
      mistakes_.emplace_back(kUnknownSetting, fmt::format("{}: unknown setting '{}'{}", entry.origin, path, did_you_mean(path, names_)));
    return nullptr;
  }
  // Of every setting that names files and that the layer has set.
  void resolve_paths(const std::filesystem::path& folder) {
    for (const auto& slot : slots_) {
      const auto* rule = rule_of(slot.path);
      if (!touched_.contains(slot.path) || rule == nullptr) continue;
      if (auto* const* models = std::get_if<std::vector<ModelEntry>*>(&slot.slot))
        for (auto& model : **models) model.path = based_on(folder, model.path);
      else if (auto* const* items = std::get_if<std::vector<std::string>*>(&slot.slot);
               items != nullptr && rule->text == TextRule::kAdapter)
        for (auto& item : **items) item = adapter_based_on(folder, item);
      else if (auto* const* text = std::get_if<std::string*>(&slot.slot); text != nullptr && rule->text == TextRule::kPath)
        **text = based_on(folder, **text);
    }
    touched_.clear();
  }
  std::string origin_of(const std::string& path) const {
    const auto found = loaded_.origins.find(path);
    return found == loaded_.origins.end() ? "default" : found->second;
  }

  LoadedConfiguration loaded_;
  std::vector<NamedSlot> slots_;
  std::vector<std::string> names_;
  std::set<std::string> reported_;  // paths of mistakes in the layer that is being applied: a list has many entries
  std::set<std::string> touched_;   // by the layer that is being applied
  Mistakes mistakes_;
};
}  // namespace

Result<Layer> flatten_file(const std::filesystem::path& file, const FileLimits& limits) {
  const std::string extension = file.extension().string();
  if (std::ranges::find(kExtensions, extension) == kExtensions.end())
    return fail(kConfigurationFormat, fmt::format("{} ends with none of {}", file.string(), fmt::join(kExtensions, ", ")));
  TRY_ASSIGN(const std::string text, read_text_file(file, limits.bytes_max), "reading the configuration");
  TRY_ASSIGN(auto entries, extension == ".toml" ? flatten_toml(text, file.string(), limits) : flatten_yaml(text, file.string(), limits));
  return Layer{file.parent_path(), std::move(entries)};
}

std::expected<LoadedConfiguration, Mistakes> load_configuration(const ConfigurationSources& sources, const FurtherCheck& also) {
  Loading loading;
  loading.folder(sources.system_folder, "config");
  loading.folder(sources.user_folder, "config");
  if (sources.file)
    loading.file(*sources.file);
  else
    loading.folder(sources.project_folder, "forebay");
  loading.environment(sources.environment);
  loading.apply({"", sources.flags});
  return loading.finish(also);
}

Error combined(const Mistakes& mistakes) {
  if (mistakes.size() == 1) return mistakes.front();
  std::string message = fmt::format("the configuration has {} mistakes", mistakes.size());
  for (const auto& mistake : mistakes) message += fmt::format("\n  {} {}", mistake.code().id(), mistake.message());
  return Error(kConfigurationInvalid, std::move(message));
}

ConfigurationSources usual_sources() {
  ConfigurationSources sources;
  sources.system_folder = "/etc/forebay";
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder == '/')
    sources.user_folder = std::filesystem::path(folder) / "forebay";
  else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    sources.user_folder = std::filesystem::path(home) / ".config/forebay";
  sources.project_folder = ".";
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (const auto sign = text.find('='); sign != std::string_view::npos)
      sources.environment.emplace_back(text.substr(0, sign), text.substr(sign + 1));
  }
  return sources;
}

}  // namespace forebay::cli
