// Boxes out of a detector's output: decoded, filtered by score, freed of overlaps, and mapped back to the picture.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "tensors/image_input.h"
#include "tensors/tensor.h"
#include "tensors/vision_recipe.h"

namespace forebay::tensors {

struct Box {
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;
  bool operator==(const Box&) const = default;
};
// Intersection over union, 0 to 1; 0 for empty boxes.
float overlap(const Box& a, const Box& b);

struct Candidate {
  Box box;                // in pixels of the model's input
  std::size_t index = 0;  // the class
  float score = 0;
  std::vector<float> mask;  // weights of the mask's prototypes
};

struct DetectionLayout {
  BoxHead head = BoxHead::kYoloV8;
  std::int64_t input_width = 0;
  std::int64_t input_height = 0;
  std::size_t mask_weights = 0;  // of each box, after its scores
};

// Every box of [1, …, …] whose best class reaches `score_min`; boxes that are not finite are left out. More than 100,000 anchors or 10,000
// classes are refused: kTensorTooLarge. kVisionOutput when the shape is not that of the head.
Result<std::vector<Candidate>> decode_boxes(const Tensor& output, const DetectionLayout& layout, float score_min);

// Greedy, class by class: the best box stays, those of its class that overlap it by more than `overlap_max` go. Best first; of equal ones
// the first. Only the best 10,000 are looked at.
std::vector<Candidate> without_overlaps(std::vector<Candidate> candidates, float overlap_max, std::size_t count_max);

// From the input to the picture, cut at its sides.
Box on_picture(const Box& box, const ImagePlacement& placement, std::int64_t width, std::int64_t height);

}  // namespace forebay::tensors
