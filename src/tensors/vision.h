// From a picture to what a model sees on it: the recipe's preprocessing, and its outputs as classes, boxes, masks or maps.
// Threads: immutable. Not here: running the model, JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensors/detection.h"
#include "tensors/image.h"
#include "tensors/masks.h"
#include "tensors/postprocess.h"
#include "tensors/tensor.h"
#include "tensors/vision_recipe.h"

namespace forebay::tensors {

struct VisionInput {
  Tensor tensor;
  Seen seen;
};
// A decoded picture as the input of `shape` and `dtype`, by the recipe; where the shape says a side or the channels, they must agree.
// The codes of to_input; kTensorShapeMismatch.
Result<VisionInput> vision_input(const Tensor& picture, const ImagePreprocessing& steps, const Shape& shape, DType dtype);

struct Detection {
  Box box;  // in pixels of the picture
  std::size_t index = 0;
  std::string label;  // empty without labels
  float score = 0;
  std::optional<RunLengths> mask;
};
struct PixelClass {
  std::size_t index = 0;
  std::string label;
  double share = 0;  // of the pixels
};
struct Anomaly {
  float score = 0;
  bool is_anomaly = false;         // score_min is reached
  std::optional<Tensor> heat_map;  // float32 [height, width] of the picture
};

// What is not the recipe's task stays empty.
struct VisionAnswer {
  VisionTask task = VisionTask::kTensors;
  std::int64_t width = 0;  // of the picture
  std::int64_t height = 0;
  std::vector<RankedLabel> classes;
  std::vector<Detection> detections;
  std::optional<Tensor> class_map;        // uint8 [height, width]
  std::vector<PixelClass> pixel_classes;  // those that occur, the largest first
  std::optional<Anomaly> anomaly;
};

// Masks of more pixels than this in all (the sum of their boxes) are refused: kTensorTooLarge.
inline constexpr std::size_t kMaskPixelsMax = std::size_t{64} << 20;

// The outputs of one picture. kVisionOutput names what does not fit the recipe.
Result<VisionAnswer> interpret(const NamedTensors& outputs, const VisionRecipe& recipe, const VisionThresholds& thresholds,
                               std::span<const std::string> labels, const Seen& seen);

}  // namespace forebay::tensors
