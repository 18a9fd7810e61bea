// What a model sees as JSON, the same for every route and command.
// Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tensors/vision.h"

namespace forebay::tensors {

// Names and JSON values for the answer's object, "task" first:
//   "classes": [{"label", "index", "score"}]
//   "detections": [{"label", "index", "score", "box": [left, top, right, bottom], "mask": {"size": [height, width], "counts": […]}}]
//   "segmentation": {"classes": [{"label", "index", "share"}], "png": "base64 of a grey picture whose values are the classes"}
//   "anomaly": {"score", "is_anomaly", "heat_map": {"least", "most", "png": "base64 of a grey picture from least to most"}}
// A class without a label has its number. Nothing for kTensors. The codes of encode_png.
Result<std::vector<std::pair<std::string_view, std::string>>> json_members(const VisionAnswer& answer);

}  // namespace forebay::tensors
