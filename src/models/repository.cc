#include "models/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "models/errors.h"
#include "models/pipeline_file.h"
#include "models/split_models.h"

namespace forebay::models {

namespace {
namespace fs = std::filesystem;
constexpr std::array<std::string_view, 2> kExtensions = {".gguf", ".onnx"};

bool has_model_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

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

bool is_version(std::string_view name) {
  return !name.empty() && name.size() <= 18 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

class Lister {
 public:
  explicit Lister(std::size_t models_max) : models_max_(models_max) {}

  Result<> add_flat_file(const fs::path& path) {
    if (!has_model_extension(path) && !is_pipeline(path)) return ignore(path, "not a model file");
    return add(name_of_file(path), "1", path);
  }

  // NAME/model.ext, or NAME/VERSION/model.ext for every version folder.
  Result<> add_folder(const fs::path& folder) {
    TRY_ASSIGN(const auto entries, entries_of(folder));
    std::vector<fs::path> files;
    for (const auto& entry : entries) {
      std::error_code error;
      if (fs::is_directory(entry, error) && is_version(entry.filename().string())) {
        TRY_ASSIGN(const auto inside, entries_of(entry));
        TRY(add_only_file(folder.filename().string(), entry.filename().string(), entry, inside));
      } else if (has_model_extension(entry)) {
        files.push_back(entry);
      }
    }
    if (files.empty()) return {};
    return add_only_file(folder.filename().string(), "1", folder, files);
  }

  RepositoryListing take() && { return std::move(listing_); }

 private:
  Result<> add_only_file(const std::string& name, const std::string& version, const fs::path& folder,
                         const std::vector<fs::path>& entries) {
    std::vector<fs::path> files;
    std::ranges::copy_if(entries, std::back_inserter(files), has_model_extension);
    if (files.empty()) return ignore(folder, "no model file in it");
    const auto preferred = std::ranges::find_if(files, [](const fs::path& file) { return file.stem() == "model"; });
    if (files.size() > 1 && preferred == files.end()) return ignore(folder, "several model files and none is named model");
    return add(name, version, preferred != files.end() ? *preferred : files.front());
  }

  Result<> add(std::string name, std::string version, const fs::path& path) {
    if (!is_model_name(name)) return ignore(path, "its name cannot be a model name");
    if (listing_.sources.size() >= models_max_) return fail(kTooManyModels, fmt::format("more than {} models", models_max_));
    listing_.sources.push_back({std::move(name), std::move(version), path});
    return {};
  }

  Result<> ignore(const fs::path& path, std::string_view why) {
    constexpr std::size_t kIgnoredMax = 1'000;
    if (listing_.ignored.size() < kIgnoredMax) listing_.ignored.push_back(fmt::format("{}: {}", path.filename().string(), why));
    return {};
  }

  const std::size_t models_max_;
  RepositoryListing listing_;
};
}  // namespace

std::string name_of_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return is_pipeline(path) ? name.substr(0, name.size() - kPipelineSuffix.size()) : stem_of(path);
}

bool is_model_name(std::string_view name) {
  const auto is_alphanumeric = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.empty() || name.size() > 128) return false;
  bool begins = true;  // a part of the name
  for (const char c : name) {
    if (begins ? !is_alphanumeric(c) : !is_alphanumeric(c) && std::string_view("._-:/").find(c) == std::string_view::npos) return false;
    begins = c == '/';
  }
  return !begins;
}

Result<ModelSource> source_of(std::string_view argument) {
  // A path may hold "=": it is a name only if what stands before it could be one and no such file exists.
  ModelSource source;
  const auto equals = argument.find('=');
  std::error_code error;
  if (equals != std::string_view::npos && !fs::exists(fs::path(argument), error)) {
    source.name = argument.substr(0, equals);
    source.path = argument.substr(equals + 1);
  } else {
    source.path = argument;
    source.name = name_of_file(source.path);
    if (source.name == "model" && source.path.has_parent_path())
      source.name = fs::absolute(source.path, error).parent_path().filename().string();
  }
  if (!is_model_name(source.name)) return fail(kBadModelName, fmt::format("'{}' cannot be a model name", source.name));
  if (!fs::exists(source.path, error)) return fail(kFileNotFound, fmt::format("no such file: '{}'", source.path.string()));
  return source;
}

Result<RepositoryListing> list_repository(const fs::path& folder, std::size_t models_max) {
  TRY_ASSIGN(const auto entries, entries_of(folder));
  Lister lister(models_max);
  for (const auto& entry : entries) {
    std::error_code error;
    if (fs::is_directory(entry, error)) {
      TRY(lister.add_folder(entry));
    } else {
      TRY(lister.add_flat_file(entry));
    }
  }
  auto listing = std::move(lister).take();
  if (listing.sources.empty()) return fail(kRepositoryEmpty, fmt::format("'{}' has no model file", folder.string()));
  return listing;
}

}  // namespace forebay::models
