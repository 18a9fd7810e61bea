#include "cli/example_models.h"

#include <fmt/format.h>

#include <system_error>

#include "cli/errors.h"

namespace forebay::cli {

Result<std::filesystem::path> example_models_folder(const std::filesystem::path& executable) {
  const auto folder = executable.parent_path();
  std::error_code ignored;
  for (const auto& candidate : {folder / "../../examples/models", folder / "../share/forebay/models"}) {
    if (std::filesystem::is_directory(candidate, ignored)) return std::filesystem::weakly_canonical(candidate, ignored);
  }
  return fail(kNoExampleModels, "no model was named, and there are no example models beside this program");
}

std::filesystem::path own_executable() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
}

}  // namespace forebay::cli
