// Checks a pipeline against the models it names and lays it out for its runner.
// Threads: shared (no state).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/model_description.h"
#include "models/models_options.h"
#include "models/pipeline_file.h"
#include "models/served_model.h"
#include "scheduling/pipeline_plan.h"

namespace forebay::models {

using FindModel = std::function<Result<std::shared_ptr<ServedModel>>(const std::string& name)>;

struct BuiltPipeline {
  scheduling::PipelinePlan plan;
  formats::ModelDescription description;
  std::vector<formats::TensorSpec> values;  // by the plan's slots; an unused output of a model, too
};

// kPipelineInvalid with the step's name and the field ("steps[2].inputs.image"): names that nobody has or that two have, cycles, types and
// shapes that do not fit, steps that nothing uses, outputs that are not always computed. kPipelineTooLarge beyond the options' steps and
// depth. A step's model is a tensor model; a tokenizer is that of a text model; neither is a pipeline.
Result<BuiltPipeline> build_pipeline(const PipelineText& text, const PipelineOptions& options, const FindModel& find_model);
// The same by what the models' files say: nothing is loaded, and the plan cannot be run.
using FindDescription = std::function<Result<formats::ModelDescription>(const std::string& name)>;
Result<BuiltPipeline> outline_pipeline(const PipelineText& text, const PipelineOptions& options, const FindDescription& find_description);

}  // namespace forebay::models
