// Bounds what an ONNX graph computes from its constants: the library does it while it loads a model, in one piece that nothing stops.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "formats/onnx_model.h"
#include "formats/read_model.h"

namespace forebay::formats {

// Requires: check_graph() accepts the model.
// Returns: whether everything that the library may compute at load is known to stay within the limit and a few times the weights.
// Errors: kOnnxOperatorMisused; kOnnxLimitExceeded when a tensor of a constant shape, or a loop of a constant count, is known to be beyond
// its limit.
Result<bool> constants_are_bounded(const OnnxModel& model, std::uint64_t weight_bytes, const ReadLimits& limits);

}  // namespace forebay::formats
