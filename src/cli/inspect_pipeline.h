// What `forebay inspect` shows of a pipeline: its steps in the order they run, as the files of its models describe it. Nothing is loaded.
// Threads: confined to the main thread.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/pipeline_builder.h"

namespace forebay::cli {

struct PipelineView {
  models::PipelineText text;
  models::BuiltPipeline built;
  struct Part {
    std::filesystem::path path;
    formats::ModelDescription description;
  };
  std::map<std::string, Part> parts;  // by the model's name
};
// kPipelineInvalid with the step and the field; what reading one of the models' files gives.
Result<PipelineView> view_pipeline(const std::filesystem::path& path);

// One row a step: name, what it does with what, what it gives, and when.
std::vector<std::vector<std::string>> step_rows(const PipelineView& view);
// "name  FILE: onnx, tensors"
std::vector<std::vector<std::string>> part_rows(const PipelineView& view);
// The description with a member "pipeline": {"steps": […], "outputs": {…}, "models": {…}}.
std::string pipeline_json(const PipelineView& view);

}  // namespace forebay::cli
