// Checks an ONNX graph: every value has one maker, nothing depends on itself, operators exist, functions end, constants fit.
// Threads: shared (no state). Owner: none.
#pragma once

#include "base/result.h"
#include "formats/onnx_model.h"

namespace forebay::formats {

// kOnnxValueUndefined, kOnnxDuplicateName, kOnnxOperatorUnknown, kOnnxTooDeep (functions that call themselves), kOnnxLimitExceeded.
// The order of nodes is free, as it is for ONNX Runtime.
Result<> check_graph(const OnnxModel& model);

}  // namespace forebay::formats
