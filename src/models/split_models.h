// Models in several files (formats/gguf_split.h) among the files of a folder or a command line: one model each, by its first part.
// Threads: shared (no state). Owner: none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/repository.h"

namespace forebay::models {

// Of the parts of one model in one folder only the one with the lowest number stays, at its place.
void keep_first_parts(std::vector<std::filesystem::path>& files);
void keep_first_parts(std::vector<ModelSource>& sources);

// The name of a file without its extension, and without what says which part it is: "big" of big-00001-of-00003.gguf.
std::string stem_of(const std::filesystem::path& file);

}  // namespace forebay::models
