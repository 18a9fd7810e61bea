#include "models/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <utility>

#include "base/errors.h"
#include "models/errors.h"
#include "models/pipeline_file.h"
#include "models/split_models.h"
#include "tensors/utf8.h"

namespace forebay::models {

namespace {
namespace fs = std::filesystem;
constexpr std::array<std::string_view, 2> kExtensions = {".gguf", ".onnx"};

bool has_model_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

bool is_named_model(const fs::path& file) { return file.stem() == "model"; }

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Sorted, so that a listing does not depend on the file system.
Result<std::vector<fs::path>> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!is_hidden(entry->path())) entries.push_back(entry->path());
  }
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory;
    return fail(missing ? kFileNotFound : kFileNotReadable, fmt::format("cannot list '{}': {}", folder.string(), error.message()));
  }
  std::ranges::sort(entries);
  keep_first_parts(entries);
  return entries;
}

std::string same_name_as(const fs::path& other) {
  return fmt::format("'{}' has the same model name: serve this one under another by --model NAME=FILE", other.string());
}

bool is_version(std::string_view name) {
  return !name.empty() && name.size() <= 18 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

class Lister {
 public:
  Lister(fs::path top, std::size_t models_max) : top_(std::move(top)), models_max_(models_max) {}

  Result<> add_flat_file(const fs::path& path) {
    if (!has_model_extension(path) && !is_pipeline(path)) return ignore(path, "not a model file", false);
    return add(name_of_file(path), "1", path);
  }

  // NAME/model.ext, or NAME/VERSION/model.ext for every version folder.
  Result<> add_folder(const fs::path& folder) {
    const auto entries = entries_of(folder);
    if (!entries) return ignore(folder, entries.error().message(), true);
    std::vector<fs::path> files;
    bool has_versions = false;
    for (const auto& entry : *entries) {
      std::error_code error;
      if (fs::is_directory(entry, error) && is_version(entry.filename().string())) {
        has_versions = true;
        TRY(add_version(folder.filename().string(), entry));
      } else if (has_model_extension(entry)) {
        files.push_back(entry);
      }
    }
    if (files.size() > 1 && !std::ranges::any_of(files, is_named_model)) return add_collection(files);
    if (!files.empty()) return add_only_file(folder.filename().string(), "1", folder, files);
    return has_versions ? Result<>() : ignore(folder, "no model file in it", false);
  }

  RepositoryListing take() && { return std::move(listing_); }

 private:
  Result<> add_version(const std::string& name, const fs::path& folder) {
    const auto inside = entries_of(folder);
    if (!inside) return ignore(folder, inside.error().message(), true);
    return add_only_file(name, folder.filename().string(), folder, *inside);
  }

  // A folder of models, each of which has its file's name.
  Result<> add_collection(const std::vector<fs::path>& files) {
    for (const auto& file : files) TRY(add(name_of_file(file), "1", file));
    return {};
  }

  Result<> add_only_file(const std::string& name, const std::string& version, const fs::path& folder,
                         const std::vector<fs::path>& entries) {
    std::vector<fs::path> files;
    std::ranges::copy_if(entries, std::back_inserter(files), has_model_extension);
    if (files.empty()) return ignore(folder, "no model file in it", true);
    const auto preferred = std::ranges::find_if(files, is_named_model);
    if (files.size() > 1 && preferred == files.end()) {
      const auto why = fmt::format("{} model files and none is named model: name the one to serve by --model NAME=FILE", files.size());
      return ignore(folder, why, true);
    }
    const fs::path& file = preferred != files.end() ? *preferred : files.front();
    TRY(add(name, version, file));
    if (files.size() == 1) return {};
    const std::size_t others = files.size() - 1;
    const auto why = fmt::format("'{}' is its model, and {} other{} in it: name what to serve by --model NAME=FILE",
                                 file.filename().string(), others, others == 1 ? " is" : "s are");
    return ignore(folder, why, true);
  }

  Result<> add(std::string name, std::string version, const fs::path& path) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) return ignore(path, "a link to nothing", true);
    if (error) return ignore(path, error.message(), true);
    if (!fs::is_regular_file(status)) return ignore(path, "not a regular file", true);
    if (!is_model_name(name)) return ignore(path, "its name cannot be a model name: serve it by --model NAME=FILE", true);
    const auto [known, is_new] = files_.try_emplace({name, version}, path);
    if (!is_new) return ignore(path, same_name_as(known->second.lexically_relative(top_)), true);
    if (listing_.sources.size() >= models_max_) return fail(kTooManyModels, fmt::format("more than {} models", models_max_));
    listing_.sources.push_back({std::move(name), std::move(version), path});
    return {};
  }

  Result<> ignore(const fs::path& path, std::string reason, bool looks_like_model) {
    constexpr std::size_t kIgnoredMax = 1'000;
    if (listing_.ignored.size() < kIgnoredMax)
      listing_.ignored.push_back({path.lexically_relative(top_).string(), std::move(reason), looks_like_model});
    return {};
  }

  const fs::path top_;
  const std::size_t models_max_;
  RepositoryListing listing_;
  std::map<std::pair<std::string, std::string>, fs::path> files_;  // by name and version
};

// Below U+00A0 all control characters; above it what breaks or turns lines: U+2028, U+2029, and the marks of direction.
bool breaks_a_line(char32_t character) {
  return character < 0x20 || (character >= 0x7F && character < 0xA0) || (character >= 0x200E && character <= 0x200F) ||
         (character >= 0x2028 && character <= 0x202E) || (character >= 0x2066 && character <= 0x2069) || character == 0xFEFF;
}

// "resnet" of resnet/1/model.onnx and of resnet/onnx/model.onnx.
std::string name_of_folder_above(const fs::path& file) {
  std::error_code error;
  fs::path folder = fs::absolute(file, error).lexically_normal().parent_path();
  while (folder.has_relative_path() && (is_version(folder.filename().string()) || folder.filename() == "onnx"))
    folder = folder.parent_path();
  return folder.filename().string();
}
}  // namespace

std::string name_of_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (is_pipeline(path)) return name.substr(0, name.size() - kPipelineSuffix.size());
  const std::string stem = stem_of(path);
  if (stem != "model") return stem;
  const std::string above = name_of_folder_above(path);
  return above.empty() ? stem : above;
}

bool is_model_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.front() == ' ' || name.back() == ' ') return false;
  for (const auto part : std::views::split(name, '/')) {
    const std::string_view text(part.begin(), part.end());
    if (text.empty() || text == "." || text == "..") return false;
  }
  const auto characters = tensors::to_utf32(name);
  return characters && std::ranges::none_of(*characters, breaks_a_line);
}

NamedFile parse_named_file(std::string_view text) {
  const auto equals = text.find('=');
  const bool is_path = text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
  if (is_path || equals == std::string_view::npos) return {"", std::string(text)};
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

std::optional<AdapterSetting> parse_adapter_setting(std::string_view text) {
  const auto equals = text.find('=');
  const auto slash = text.substr(0, equals).rfind('/');
  if (equals == std::string_view::npos || slash == std::string_view::npos || slash == 0 || equals == slash + 1 || equals + 1 == text.size())
    return std::nullopt;
  return AdapterSetting{.model = std::string(text.substr(0, slash)),
                        .adapter = std::string(text.substr(slash + 1, equals - slash - 1)),
                        .path = std::string(text.substr(equals + 1))};
}

Result<ModelSource> source_of(const NamedFile& file) {
  std::error_code error;
  const ModelSource source{.name = file.name.empty() ? name_of_file(file.path) : file.name, .version = "1", .path = file.path};
  if (!fs::exists(source.path, error)) return fail(kFileNotFound, fmt::format("no such file: '{}'", file.path));
  if (!is_model_name(source.name)) return fail(kBadModelName, fmt::format("'{}' cannot be a model name", source.name));
  return source;
}

void leave_out_named(RepositoryListing& listing, const fs::path& folder, std::span<const ModelSource> named) {
  std::erase_if(listing.sources, [&](const ModelSource& found) {
    const auto twin = std::ranges::find_if(
        named, [&](const ModelSource& source) { return source.name == found.name && source.version == found.version; });
    if (twin == named.end()) return false;
    std::error_code error;
    if (!fs::equivalent(twin->path, found.path, error))
      listing.ignored.push_back({found.path.lexically_relative(folder).string(), same_name_as(twin->path), true});
    return true;
  });
}

Result<RepositoryListing> list_repository(const fs::path& folder, std::size_t models_max) {
  TRY_ASSIGN(const auto entries, entries_of(folder));
  Lister lister(folder, models_max);
  for (const auto& entry : entries) {
    std::error_code error;
    if (fs::is_directory(entry, error)) {
      TRY(lister.add_folder(entry));
    } else {
      TRY(lister.add_flat_file(entry));
    }
  }
  auto listing = std::move(lister).take();
  if (listing.sources.empty()) {
    const auto meant = std::ranges::find_if(listing.ignored, &IgnoredFile::looks_like_model);
    const std::string why = meant == listing.ignored.end() ? "" : fmt::format("; {}: {}", meant->path, meant->reason);
    return fail(kRepositoryEmpty, fmt::format("'{}' has no model file that can be served{}", folder.string(), why));
  }
  return listing;
}

}  // namespace forebay::models
