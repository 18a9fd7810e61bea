// Turns a model file into a ServedModel: describe, choose an engine, reserve memory, load, open the runner, warm.
// Threads: shared (no state); takes seconds, so it runs on the background pool or in a command.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/byte_budget.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory_pressure.h"
#include "base/result.h"
#include "engines/engine.h"
#include "models/models_options.h"
#include "models/repository.h"
#include "models/served_model.h"
#include "telemetry/serving_metrics.h"

namespace forebay::models {

struct LoaderContext {
  std::span<const std::unique_ptr<engines::Engine>> engines;
  const Clock* clock = nullptr;
  ByteBudget* budget = nullptr;
  const PressureGauge* pressure = nullptr;
  engines::ModelCache* cache = nullptr;          // null: nothing is kept for the next start
  bool probes = false;                           // tries files in a child process first
  telemetry::ServingMetrics* metrics = nullptr;  // null: nothing is counted
  std::function<bool(float)> progress;           // 0..1; false stops the load
  std::function<void(formats::Task)> described;  // the file was read and is for this; may be empty
  CancelToken cancel;                            // stops a library that can be stopped
  std::function<Result<std::shared_ptr<ServedModel>>(const std::string& name)> find_model;  // what a pipeline is made of; empty: nothing
};

// The reader's, the engine's or the runner's error with what was attempted; kNoEngine, kModelHasNoWeights, or kBudgetExhausted before
// anything is loaded. A pipeline file is built of models that are loaded already: kPipelineInvalid, kPipelineTooLarge.
Result<std::shared_ptr<ServedModel>> load_model(const ModelSource& source, const ModelsOptions& options, const LoaderContext& context);

}  // namespace forebay::models
