// Checks how nodes use their operators, where ONNX Runtime 1.23 takes a number, a rank or an input for granted: it divides by it, computes a
// place in memory from it, or ends the process.
// Threads: shared (no state). Owner: none.
#pragma once

#include <span>

#include "base/result.h"
#include "formats/onnx_model.h"
#include "formats/onnx_value_facts.h"

namespace forebay::formats {

// `inputs` is what is known of the node's inputs. kOnnxOperatorMisused.
Result<> check_operator_use(const OnnxNode& node, std::span<const ValueFacts> inputs);

// Of a node of TreeEnsemble: nodes and leaves that exist, and no way back to a node. kOnnxOperatorMisused.
Result<> check_tree_ensemble(const OnnxNode& node);

std::unexpected<Error> operator_misused(const OnnxNode& node, std::string_view why);

}  // namespace forebay::formats
