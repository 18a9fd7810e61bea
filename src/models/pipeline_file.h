// NAME.pipeline.json: a graph of models and small steps, as it is written.
// Threads: immutable. Not here: whether it fits the models it names.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace forebay::models {

inline constexpr std::string_view kPipelineSuffix = ".pipeline.json";
inline constexpr std::size_t kPipelineBytesMax = std::size_t{1} << 20;
bool is_pipeline(const std::filesystem::path& path);

// A value is named "INPUT", "STEP" or "STEP.OUTPUT".
struct PipelineWhen {
  std::string value;
  std::vector<std::variant<double, std::string>> equals;
  std::optional<double> above;
  std::optional<double> below;
};
// Exactly one of model alone, average, vote, softmax, argmax, first_of and tokenize (with model) says what the step does.
struct PipelineStepText {
  std::string name;
  std::optional<std::string> model;
  std::map<std::string, std::string> inputs;  // of the model: its input's name -> a value; empty: by the names of the pipeline's inputs
  std::vector<std::string> average;
  std::vector<float> weights;
  std::vector<std::string> vote;
  std::vector<std::string> first_of;
  std::optional<std::string> softmax;
  std::optional<std::string> argmax;
  std::optional<std::string> tokenize;
  std::optional<PipelineWhen> when;
};
struct PipelineText {
  std::string description;
  std::vector<std::string> inputs;
  std::vector<PipelineStepText> steps;
  std::map<std::string, std::string> outputs;  // name -> a value
};

// kPipelineInvalid with the place: no JSON, unknown members, wrong types, more than kPipelineBytesMax.
Result<PipelineText> read_pipeline(std::string_view json);

}  // namespace forebay::models
