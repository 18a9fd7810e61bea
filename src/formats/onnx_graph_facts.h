// What the operators of an ONNX graph say about running it: whether rows may depend on each other, and whether values decide time and
// memory. A probe that runs the model (engines/onnx/row_probe.h) finds dependences that every input shows; this finds the operators whose
// dependence shows only for certain values. See docs/adr/0016-rows-are-joined-when-shown-independent.md. Threads: shared (no state). Owner:
// none.
#pragma once

#include <string>

#include "formats/onnx_model.h"

namespace forebay::formats {

struct OnnxGraphFacts {
  std::string mixes_rows;  // as ModelDescription
  std::string unbounded;   // as ModelDescription
};

// The graph passed check_graph().
OnnxGraphFacts facts_of(const OnnxModel& model);

}  // namespace forebay::formats
