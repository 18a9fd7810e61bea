// Where the example models are: beside the sources for a build, beside the installed program otherwise.
// Threads: no state.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace forebay::cli {

// The first of <executable>/../../examples/models (a build folder of the checkout, build/PRESET/forebay) and
// <executable>/../share/forebay/models (installed) that is a folder. kNoExampleModels.
Result<std::filesystem::path> example_models_folder(const std::filesystem::path& executable);
// This process's own file.
std::filesystem::path own_executable();

}  // namespace forebay::cli
