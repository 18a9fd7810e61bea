// What the files of a Hugging Face repository say about pictures: preprocessor_config.json (image processors) and config.json, read as if
// they were a sidecar. Members that say nothing about one picture are passed over. Threads: shared (no state). Owner: read_model; nobody
// above includes it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "formats/model_description.h"
#include "formats/vision_sidecar.h"

namespace forebay::formats {

inline constexpr std::size_t kImageProcessorBytesMax = std::size_t{1} << 20;

// size, do_resize, resample, do_center_crop, crop_size, crop_pct, do_rescale, rescale_factor, do_normalize, image_mean, image_std and
// do_flip_channel_order. What cannot be done exactly is said in `assumed`. kSidecarInvalid with the field: no JSON, wrong types, values out
// of range, or steps that Forebay does not have, for which a sidecar has to be written.
Result<VisionSidecar> read_image_processor(std::string_view json);

// The task of "architectures" and the names of "id2label" (of 0 and up, none missing), where they are there. kSidecarInvalid.
struct ImageModelConfig {
  std::optional<tensors::VisionTask> task;
  std::vector<std::string> labels;
};
Result<ImageModelConfig> read_image_model_config(std::string_view json);

// The vision of an ONNX model without a sidecar, by the files beside it or above its folder named "onnx", else by the model itself. A file
// that cannot be read or does not fit the model is a warning. Nothing for models of text.
Result<> describe_vision_beside(ModelDescription& description, const std::filesystem::path& model_file);

}  // namespace forebay::formats
