// Masks and maps out of a model's output, brought to the size of the picture.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "tensors/detection.h"
#include "tensors/image_input.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// Lengths of runs of pixels outside and inside in turn, the first outside, down the columns from left to right: the uncompressed RLE of
// COCO ("size" is [height, width]).
struct RunLengths {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint32_t> counts;
  bool operator==(const RunLengths&) const = default;
};

// A picture of which an output has been made.
struct Seen {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t input_width = 0;
  std::int64_t input_height = 0;
  ImagePlacement placement;
};

// Where the sum of the prototypes [1, weights, height, width], weighed by `weights`, is above 0 (a sigmoid above one half), within `box` of
// the picture. The prototypes cover the whole input and are read bilinearly. kVisionOutput when numbers do not fit.
Result<RunLengths> mask_of(const Tensor& prototypes, std::span<const float> weights, const Box& box, const Seen& seen);

// The class of each pixel of the picture as uint8 [height, width], of scores [1, classes, h, w] (one class: above 0.5 is 1), or of labels
// [1, h, w] or [1, 1, h, w] of integers. Scores are read bilinearly before the best is taken. kVisionOutput for other shapes and for more
// than 256 classes.
Result<Tensor> class_map(const Tensor& output, const Seen& seen);

// A map [1, h, w] or [1, 1, h, w] read bilinearly at each pixel of the picture: float32 [height, width]. kVisionOutput.
Result<Tensor> heat_map(const Tensor& output, const Seen& seen);

}  // namespace forebay::tensors
