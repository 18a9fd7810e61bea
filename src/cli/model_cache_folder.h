// Where what loading keeps for the next start lies.
// Threads: called on the main thread. Owner: the command.
#pragma once

#include <memory>

#include "base/result.h"
#include "engines/model_cache.h"
#include "models/models_options.h"

namespace forebay::cli {

// Null when it is switched off, or when no folder is named and the user's cache folder cannot be used, which the log says. A named folder
// that cannot be used is kModelCacheRefused.
Result<std::unique_ptr<engines::ModelCache>> open_model_cache(const models::CacheOptions& options);

}  // namespace forebay::cli
