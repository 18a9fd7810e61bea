#include "formats/model_files.h"

namespace forebay::formats {

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path, const ModelDescription& description) {
  std::vector<std::filesystem::path> files = {path};
  const auto folder = path.parent_path();
  for (const auto& name : description.external_files) files.push_back(folder / name);
  if (description.text && !description.text->tokenizer_file.empty()) files.push_back(folder / description.text->tokenizer_file);
  return files;
}

}  // namespace forebay::formats
