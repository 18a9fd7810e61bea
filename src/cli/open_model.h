// One model, opened by a command for itself: what `serve` composes for many, in small.
// Threads: confined to the main thread. Owner: the command.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/result.h"
#include "cli/configuration.h"
#include "cli/console.h"
#include "engines/engines.h"
#include "engines/model_cache.h"
#include "models/served_model.h"

namespace forebay::cli {

class OpenModel {
 public:
  // Loads the file and opens its runner, for one request at a time. The errors of models::load_model.
  static Result<OpenModel> open(Console& console, const std::string& file, const Configuration& configuration);
  OpenModel(OpenModel&&) noexcept = default;
  ~OpenModel() = default;
  models::ServedModel& model() { return *model_; }
  const Clock& clock() const { return *clock_; }

 private:
  OpenModel() = default;
  Result<std::shared_ptr<models::ServedModel>> sibling(const std::filesystem::path& pipeline, const std::string& name,
                                                       const Configuration& configuration);
  // Taken down from the last to the first: the model before what it borrows from.
  std::unique_ptr<SystemClock> clock_;
  std::unique_ptr<ByteBudget> budget_;
  std::unique_ptr<engines::ModelCache> cache_;  // may be null
  std::vector<std::unique_ptr<engines::Engine>> engines_;
  std::vector<std::shared_ptr<models::ServedModel>> siblings_;  // the models of a pipeline
  std::shared_ptr<models::ServedModel> model_;
};

}  // namespace forebay::cli
