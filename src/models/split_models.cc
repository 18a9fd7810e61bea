#include "models/split_models.h"

#include <algorithm>
#include <map>

#include "formats/gguf_split.h"

namespace forebay::models {

namespace {
namespace fs = std::filesystem;

// Its number is the same for all parts of a model.
std::optional<formats::GgufPartName> part_of(const fs::path& file) { return formats::gguf_part_name_of(file.filename().string()); }

std::string key_of(const fs::path& file, formats::GgufPartName part) {
  part.number = 1;
  return (file.parent_path() / part.file_name()).string();
}

template <class Item, class PathOf>
void keep_first(std::vector<Item>& items, PathOf path_of) {
  std::map<std::string, std::uint32_t> lowest;
  for (const Item& item : items) {
    const fs::path& file = path_of(item);
    const auto part = part_of(file);
    if (!part) continue;
    const auto [known, is_new] = lowest.emplace(key_of(file, *part), part->number);
    if (!is_new) known->second = std::min(known->second, part->number);
  }
  std::erase_if(items, [&](const Item& item) {
    const fs::path& file = path_of(item);
    const auto part = part_of(file);
    return part && part->number != lowest.at(key_of(file, *part));
  });
}
}  // namespace

void keep_first_parts(std::vector<fs::path>& files) {
  keep_first(files, [](const fs::path& file) -> const fs::path& { return file; });
}

void keep_first_parts(std::vector<ModelSource>& sources) {
  keep_first(sources, [](const ModelSource& source) -> const fs::path& { return source.path; });
}

std::string stem_of(const fs::path& file) {
  const auto part = part_of(file);
  return part ? part->model : file.stem().string();
}

}  // namespace forebay::models
