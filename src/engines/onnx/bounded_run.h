// One run of a session within its bounds: it ends at its time, at its memory, or when it is cancelled.
// Threads: shared (no state). Owner: none.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "engines/engine.h"
#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

// The bounds of a run that finds something out while a model is loaded: it may take a few seconds.
RunBounds bounds_at_load(const RunBounds& bounds);

struct RunArguments {
  std::vector<const char*> input_names;
  std::vector<Ort::Value> inputs;
  std::vector<const char*> output_names;
};

// kRunTooLong, kRunTooLarge, kRunFailed with the library's reason, or the token's error. The time is looked at between the operators of the
// graph, and between the steps of its loops. Does not throw.
Result<std::vector<Ort::Value>> bounded_run(Ort::Session& session, const RunArguments& arguments, const RunBounds& bounds,
                                            const CancelToken& cancel);

// The names of the session's outputs. Throws Ort::Exception.
std::vector<std::string> output_names_of(const Ort::Session& session);

}  // namespace forebay::engines
