// How a model sees: what becomes of a picture before it, and what its outputs mean. Plain data, made by formats from the file's metadata,
// from a sidecar or from shapes.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensors/image_input.h"

namespace forebay::tensors {

enum class VisionTask : std::uint8_t {
  kTensors,         // a picture in, numbers out: nothing is known about them
  kClassification,  // scores of classes
  kDetection,       // boxes with labels
  kInstances,       // boxes with labels and masks
  kSegmentation,    // a label for each pixel
  kAnomaly,         // how unusual the picture is, and where
};
std::string_view name_of(VisionTask task);  // "tensors", "classification", "detection", "instances", "segmentation", "anomaly"

// How boxes stand in an output. Coordinates are pixels of the model's input unless said otherwise.
enum class BoxHead : std::uint8_t {
  kYoloV8,  // [1, 4 + classes (+ masks), anchors]: centre x, centre y, width, height, a score for each class (YOLO v8, v9, v11)
  kYoloV5,  // [1, anchors, 5 + classes (+ masks)]: the same with an objectness before the scores, which multiplies them (YOLO v5, v7)
  kYolox,   // as kYoloV5, with coordinates that count cells of grids of 8, 16 and 32 pixels, and logarithms of sizes
  kFinal,   // [1, boxes, 6 (+ masks)]: left, top, right, bottom, score, class; overlaps are already removed (YOLO v10, nms=True)
};
std::string_view name_of(BoxHead head);  // "yolov8", "yolov5", "yolox", "final"

enum class ScoreKind : std::uint8_t { kUnknown, kProbabilities, kLogits };  // kUnknown: logits unless they sum to 1
std::string_view name_of(ScoreKind kind);                                   // "auto", "probabilities", "logits"
enum class RecipeSource : std::uint8_t { kShapes, kMetadata, kSidecar, kProcessor };
std::string_view name_of(RecipeSource source);  // "shapes", "metadata", "sidecar", "image_processor"

// What a request may change.
struct VisionThresholds {
  float score_min = 0.25F;             // of a box, or of a pixel's or picture's anomaly
  float overlap_max = 0.45F;           // intersection over union of two boxes of one class that both stay
  std::uint32_t detections_max = 300;  // the best ones
  std::uint32_t classes_max = 5;       // of a classification
};

struct VisionRecipe {
  VisionTask task = VisionTask::kTensors;
  std::string input;           // that takes the picture
  ImagePreprocessing picture;  // width and height 0: free, the picture's own
  std::string output;          // scores, boxes, labels of pixels, or the heat map
  std::string second_output;   // kInstances: the prototypes of the masks; kAnomaly: the score, if the model has one
  BoxHead head = BoxHead::kYoloV8;
  ScoreKind scores = ScoreKind::kUnknown;
  VisionThresholds thresholds;
  RecipeSource source = RecipeSource::kShapes;
  std::vector<std::string> assumed;  // sentences for people: what the file does not say
};

}  // namespace forebay::tensors
