// A request with a picture, however it came: as the body, as a part of a form, or as base64 in JSON.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/json_body.h"
#include "http/urgency.h"
#include "tensors/vision_recipe.h"

namespace forebay::http::predict {

// What may stand beside the picture, the same in the query, in a form's fields and in JSON.
struct PictureFields {
  std::string model;
  std::string version;
  Urgency urgency;
  std::optional<bool> raw;  // the outputs' numbers too; not said: of classifications and models without a known task
  std::optional<float> score_min;
  std::optional<float> overlap_max;
  std::optional<std::uint32_t> detections_max;
  std::optional<std::uint32_t> classes_max;  // "top_k"
};
inline constexpr std::string_view kPictureFields[] = {"model",          "version", "raw",          "score_min",  "overlap_max",
                                                      "detections_max", "top_k",   kPriorityField, kTimeoutField};

// Texts by name; empty: not given. kFieldRange, kFieldType.
Result<PictureFields> read_picture_fields(const std::function<std::string(const std::string& name)>& text_of);

// The same from JSON; members of other names are the caller's. kFieldType, kFieldRange.
Result<PictureFields> read_picture_fields(const JsonObject& object);

struct PictureBody {
  PictureFields fields;
  std::vector<std::byte> picture;
};
//   {"image": "base64, or data:image/png;base64,…", "model", "score_min", …}
// kFieldMissing, kFieldUnknown, kFieldType; kImageNotBase64.
Result<PictureBody> read_picture_body(std::string_view text, const JsonLimits& limits);
Result<std::vector<std::byte>> read_base64_picture(const JsonValue& value);

// The recipe's thresholds with what the request says instead.
tensors::VisionThresholds thresholds_of(const tensors::VisionRecipe& recipe, const PictureFields& fields);

}  // namespace forebay::http::predict
