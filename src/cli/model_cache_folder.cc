#include "cli/model_cache_folder.h"

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/log.h"

namespace forebay::cli {

namespace {
namespace fs = std::filesystem;

// As the XDG base directory specification says: a relative path is ignored.
std::optional<fs::path> users_cache_folder() {
  for (const auto& [variable, below] : {std::pair("XDG_CACHE_HOME", "forebay/models"), std::pair("HOME", ".cache/forebay/models")}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && fs::path(value).is_absolute()) return fs::path(value) / below;
  }
  return std::nullopt;
}
}  // namespace

Result<std::unique_ptr<engines::ModelCache>> open_model_cache(const models::CacheOptions& options) {
  std::unique_ptr<engines::ModelCache> none;
  if (!options.enabled) return none;
  if (!options.path.empty()) return engines::ModelCache::open({options.path, options.bytes_max});
  const auto folder = users_cache_folder();
  if (!folder) {
    log::info("nothing is kept for the next start: there is no cache folder", {{"setting", "models.cache.path"}});
    return none;
  }
  auto cache = engines::ModelCache::open({*folder, options.bytes_max});
  if (cache) return cache;
  log::info("nothing is kept for the next start", {{"reason", cache.error().to_log_string()}, {"setting", "models.cache.path"}});
  return none;
}

}  // namespace forebay::cli
