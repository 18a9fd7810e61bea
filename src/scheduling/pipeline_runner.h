// Runs a graph of steps as if it were one model: each step starts when what it needs is there, models through their own runners, with the
// request's priority, deadline and cancel token. Tensors go from step to step as they are. The first error ends the request, names the step
// and cancels what still runs.
// Threads: as TensorRunner; small steps run on the thread that finished the step before. Owner: models::ServedModel.
#pragma once

#include "base/gate.h"
#include "scheduling/pipeline_plan.h"
#include "scheduling/request_ledger.h"
#include "scheduling/runners.h"

namespace forebay::scheduling {

// Makes the runner. `options` are those of tensor models: the breaker and the dead letters; waiting is done at the steps.
std::unique_ptr<TensorRunner> open_pipeline(PipelinePlan plan, const TensorOptions& options, RunnerContext context);

}  // namespace forebay::scheduling
