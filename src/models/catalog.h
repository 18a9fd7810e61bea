// Knows which models exist, which are loaded, and which version answers for a name.
// Threads: shared; lease() never blocks on a load. Owner: cli::serve.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/memory_pressure.h"
#include "base/result.h"
#include "models/lease.h"
#include "models/models_options.h"
#include "models/repository.h"
#include "models/served_model.h"
#include "telemetry/serving_metrics.h"

namespace forebay::engines {
class Engine;
class ModelCache;
}  // namespace forebay::engines

namespace forebay::models {

enum class ModelState : std::uint8_t { kQueued, kLoading, kReady, kFailed };
std::string_view name_of(ModelState state);  // "queued", "loading", "ready", "failed"

// One line of a listing.
struct ModelStatus {
  std::string name;
  std::string version;
  ModelState state = ModelState::kQueued;
  std::optional<Error> error;  // kFailed
  std::chrono::system_clock::time_point since;
  std::shared_ptr<const ServedModel> model;  // kReady
};

// What a caller wants to use.
struct LeaseRequest {
  std::string_view name = {};              // empty: the only model, or the only one of the task
  std::string_view version = {};           // empty: the latest ready one
  std::optional<formats::Task> task = {};  // none: any
};

class Catalog {
 public:
  struct Context {
    std::vector<std::unique_ptr<engines::Engine>> engines;
    const Clock* clock = nullptr;
    ByteBudget* budget = nullptr;
    const PressureGauge* pressure = nullptr;  // for the runners
    engines::ModelCache* cache = nullptr;     // for loads; may be null
    bool probes = false;                      // tries files in a child process before they are loaded
    telemetry::ServingMetrics* metrics = nullptr;
    Executor* background = nullptr;  // loads run here, and versions are destroyed here; outlives every lease
    std::function<void()> settled;   // called on it whenever the last load in progress has ended; may be empty
  };
  Catalog(ModelsOptions options, Context context);
  // Waits for loads in progress, then releases every model, and waits until those are destroyed that no lease holds.
  ~Catalog();

  // Takes the models of a repository listing and starts loading them in the background. kDuplicateModel when two have one name and version.
  Result<> add(std::vector<ModelSource> sources);
  // Errors: kModelNotFound (with the nearest name in the hint), kVersionNotFound, kModelNotReady (Retry-After), kModelLoadFailed,
  // kModelNameNeeded, kWrongTask.
  Result<Lease> lease(const LeaseRequest& request);
  // By name, then version.
  std::vector<ModelStatus> list() const;
  // Every model is ready. A failed one keeps this false and the listing says why.
  bool all_ready() const;
  // No load is queued or running any more.
  bool settled() const;
  // Stops loads in progress; running work is the runners' to end.
  void shut_down();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::models
