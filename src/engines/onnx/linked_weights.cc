#include "engines/onnx/linked_weights.h"

#include <limits>

namespace forebay::engines {

Result<LinkedWeights> LinkedWeights::of(const std::filesystem::path& model, const formats::ModelDescription& description) {
  LinkedWeights linked;
  for (const std::string& name : description.external_files) {
    const auto path = model.parent_path() / name;
    std::error_code problem;
    if (!std::filesystem::is_symlink(path, problem)) continue;
    TRY_ASSIGN(auto file, MappedFile::open(path, std::numeric_limits<std::size_t>::max()));
    linked.names_.push_back(name);
    linked.files_.push_back(std::move(file));
  }
  return linked;
}

void LinkedWeights::hand_to(Ort::SessionOptions& options) const {
  if (files_.empty()) return;
  std::vector<char*> contents;
  std::vector<std::size_t> lengths;
  for (const auto& file : files_) {
    // Only read, whatever the type of the parameter.
    contents.push_back(const_cast<char*>(reinterpret_cast<const char*>(file.bytes().data())));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    lengths.push_back(file.bytes().size());
  }
  options.AddExternalInitializersFromFilesInMemory(names_, contents, lengths);
}

}  // namespace forebay::engines
