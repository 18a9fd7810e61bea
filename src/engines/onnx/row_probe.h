// Whether the rows of a batch may come from different requests: shown by running different rows alone and together. See
// docs/adr/0016-rows-are-joined-when-shown-independent.md.
// Threads: called on the loading thread. Owner: onnx/.
#pragma once

#include "engines/onnx/bounded_run.h"
#include "engines/onnx/kept_findings.h"
#include "formats/model_description.h"

namespace forebay::engines {

// What the shapes, the sidecar and the operators say; nothing when running it has to show it.
std::optional<RowsIndependence> rows_said(const formats::ModelDescription& description);

// Runs it with several rows, orders and ranges of values. A run that fails, takes too long or is cancelled shows nothing. Does not throw.
RowsIndependence rows_shown(Ort::Session& session, const formats::ModelDescription& description, const RunBounds& bounds,
                            const CancelToken& cancel);

}  // namespace forebay::engines
