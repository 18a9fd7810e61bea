// Finds model files: single files, NAME=FILE, or a folder in the layouts people use.
// Threads: shared (no state). Not here: watching, loading.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
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

// A file or folder that the listing left out.
struct IgnoredFile {
  std::string path;  // below the listed folder
  std::string reason;
  bool looks_like_model = false;  // its owner probably meant it to be served
};

struct RepositoryListing {
  std::vector<ModelSource> sources;
  std::vector<IgnoredFile> ignored;  // at most 1,000
};

// "FILE" or "NAME=FILE". The name ends at the first '='. A text that starts with '/', "./" or "../" is a file, whatever else is in it.
struct NamedFile {
  std::string name;  // empty: none is given
  std::string path;
};
NamedFile parse_named_file(std::string_view text);
// "MODEL/ADAPTER=FILE", an entry of models.adapters. The model's name ends at the last '/' before the '='.
struct AdapterSetting {
  std::string model;
  std::string adapter;
  std::string path;
};
std::optional<AdapterSetting> parse_adapter_setting(std::string_view text);
// The source of a file; an empty name is the file's own. kBadModelName, kFileNotFound.
Result<ModelSource> source_of(const NamedFile& file);
// A folder with NAME.ext, NAME.pipeline.json, NAME/model.ext and NAME/VERSION/model.ext side by side. A folder of several model files, none
// of which is called model, is a collection: each is a model with its file's name. Hidden files are left out. All else that is not served
// is in `ignored`: files without a known extension, partial copies (.part, .tmp, .crdownload), names that no model can have or that an
// earlier file has, folders that cannot be read, versions of several model files. kRepositoryEmpty, kTooManyModels, kFileNotFound,
// kFileNotReadable.
Result<RepositoryListing> list_repository(const std::filesystem::path& folder, std::size_t models_max);
// Moves what has the name and version of a model that is named otherwise to `ignored`; the same file is left out without a word.
void leave_out_named(RepositoryListing& listing, const std::filesystem::path& folder, std::span<const ModelSource> named);
// The name of a file without another: "digits" of digits.onnx and of digits.pipeline.json; "resnet" of resnet/model.onnx,
// resnet/1/model.onnx and resnet/onnx/model.onnx.
std::string name_of_file(const std::filesystem::path& path);
// 1 to 255 bytes of UTF-8 without control characters, line separators, and blanks at the ends; never a path
// that leads out of a folder: no part between slashes is empty, "." or "..".
bool is_model_name(std::string_view name);

}  // namespace forebay::models
