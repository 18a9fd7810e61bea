// Finds out how a model sees: from a sidecar or an image processor, from Ultralytics' metadata, from shapes, in this order, field by field.
// Threads: shared (no state). Owner: read_model; nobody above includes it.
#pragma once

#include <optional>

#include "base/result.h"
#include "formats/model_description.h"
#include "formats/vision_sidecar.h"

namespace forebay::formats {

// Sets `vision`, and `labels` where the sidecar has some. `vision` stays empty when no input takes a picture. What had to be assumed is
// said in it. kSidecarInvalid with the field when the sidecar does not fit the model; then `vision` is as it was.
Result<> describe_vision(ModelDescription& description, const std::optional<VisionSidecar>& sidecar);

}  // namespace forebay::formats
