// Which files a model is made of.
// Threads: shared (no state). Owner: none.
#pragma once

#include <filesystem>
#include <vector>

#include "formats/model_description.h"

namespace forebay::formats {

// The model file, then its other parts or external data, then its tokenizer.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path, const ModelDescription& description);

}  // namespace forebay::formats
