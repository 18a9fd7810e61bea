// Checks how nodes use their operators, where ONNX Runtime 1.23 takes a number, a rank or an input for granted: it divides by it, computes
// a place in memory from it, or ends the process. Threads: shared (no state). Owner: none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "formats/onnx_model.h"
#include "formats/onnx_value_facts.h"

namespace forebay::formats {

// `inputs` is what is known of the node's inputs. kOnnxOperatorMisused.
Result<> check_operator_use(const OnnxNode& node, std::span<const ValueFacts> inputs);

// Of a node of ai.onnx.ml. kOnnxOperatorMisused.
Result<> check_classic_operator(const OnnxNode& node, std::span<const ValueFacts> inputs);
// How many columns the first input of a linear model or support vector machine must have: the library reads as many as there are.
// Requires: check_classic_operator() accepts the node.
std::optional<std::int64_t> columns_wanted(const OnnxNode& node);
// Of a node of TreeEnsemble: nodes and leaves that exist, and no way back to a node. kOnnxOperatorMisused.
Result<> check_tree_ensemble(const OnnxNode& node);

std::unexpected<Error> operator_misused(const OnnxNode& node, std::string_view why);

}  // namespace forebay::formats
