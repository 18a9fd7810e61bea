// Resampling of a part of a picture.
// Threads: immutable. Owner: image_input; nobody above includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensors/image_input.h"

namespace forebay::tensors {

struct Picture {
  std::span<const std::uint8_t> pixels;  // row-major, channels together
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t channels = 0;
};

// A part of a picture, in its pixels; may start and end between them.
struct Region {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
};

// `part` as width x height pixels, row-major, channels together. The part must lie in the picture, and nothing may be empty.
std::vector<float> resample(const Picture& picture, const Region& part, std::size_t width, std::size_t height, ImageFilter filter);

}  // namespace forebay::tensors
