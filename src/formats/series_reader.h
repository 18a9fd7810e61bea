// Fits a sidecar's series and ranking to a model.
// Threads: shared (no state). Owner: read_model; nobody above includes it.
#pragma once

#include "base/result.h"
#include "formats/model_description.h"
#include "formats/vision_sidecar.h"

namespace forebay::formats {

// Sets `series` and `ranking` with what the model's shapes say filled in, and `labels`. kSidecarInvalid with the field.
Result<> describe_series(ModelDescription& description, const VisionSidecar& sidecar);

}  // namespace forebay::formats
