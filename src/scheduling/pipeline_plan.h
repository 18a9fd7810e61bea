// A graph of steps over tensors, checked by whoever made it: steps stand in an order in which each comes after what it needs.
// Threads: immutable. Owner: the pipeline's runner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "scheduling/runners.h"
#include "text/tokenizer.h"

namespace forebay::scheduling {

enum class PipelineStepKind : std::uint8_t {
  kModel,
  kAverage,
  kVote,
  kSoftmax,
  kArgmax,
  kFirstOf,   // the first of its inputs that was computed: where branches meet
  kTokenize,  // one text as token ids [1, tokens]
};

// Whether a step is run: all of it must hold for every element of the value.
struct PipelineCondition {
  std::size_t slot = 0;
  std::vector<std::variant<double, std::string>> equals;  // one of them; empty: anything
  std::optional<double> above;                            // of the largest element
  std::optional<double> below;                            // the same
};

// Values have numbers, slots: first the pipeline's inputs, then the outputs of the steps.
struct PipelineStep {
  std::string name;
  PipelineStepKind kind = PipelineStepKind::kModel;
  std::vector<std::size_t> inputs;
  std::vector<std::string> input_names;   // of a model, one for each input
  std::vector<std::string> output_names;  // the same; of the others there is one output without a name
  std::vector<std::size_t> outputs;
  std::optional<PipelineCondition> when;
  std::vector<float> weights;                  // kAverage
  TensorRunner* runner = nullptr;              // kModel
  const text::Tokenizer* tokenizer = nullptr;  // kTokenize
};

struct PipelinePlan {
  std::vector<std::string> inputs;
  std::vector<PipelineStep> steps;
  std::vector<std::pair<std::string, std::size_t>> outputs;
  std::size_t slots = 0;
  std::vector<std::shared_ptr<const void>> keepers;  // of the runners and tokenizers
};

}  // namespace forebay::scheduling
