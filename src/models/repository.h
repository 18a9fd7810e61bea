// Finds model files: single files, NAME=FILE, or a folder in the layouts people use.
// Threads: shared (no state). Not here: watching, loading.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::models {

struct ModelSource {
  std::string name;
  std::string version = "1";
  std::filesystem::path path;  // a file
};

struct RepositoryListing {
  std::vector<ModelSource> sources;
  std::vector<std::string> ignored;  // "README.md: not a model file", for the log
};

// "FILE" or "NAME=FILE"; the default name is the file's stem. kBadModelName, kFileNotFound.
Result<ModelSource> source_of(std::string_view argument);
// A folder with NAME.ext, NAME.pipeline.json, NAME/model.ext and NAME/VERSION/model.ext side by side. Hidden files, partial copies (.part,
// .tmp, .crdownload) and files without a known extension are ignored. kRepositoryEmpty, kTooManyModels, kFileNotFound.
Result<RepositoryListing> list_repository(const std::filesystem::path& folder, std::size_t models_max);
// The name of a file without another: "digits" of digits.onnx and of digits.pipeline.json.
std::string name_of_file(const std::filesystem::path& path);
// 1 to 128 characters: parts of [A-Za-z0-9._:-], each starting with a letter or digit, with '/' between them, as in "org/name:tag".
// Never a path that leads out of a folder.
bool is_model_name(std::string_view name);

}  // namespace forebay::models
