// How a camera was held (EXIF 2.32, tag 274 "Orientation"), and pictures turned upright by it.
// Threads: immutable. Owner: image; nobody above includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensors/image.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// What has to be done with the stored pixels; turns are clockwise.
enum class Orientation : std::uint8_t {
  kUpright = 1,
  kMirrored = 2,     // left and right change places
  kHalfTurn = 3,     // both
  kFlipped = 4,      // top and bottom change places
  kTransposed = 5,   // rows become columns
  kQuarterTurn = 6,  // the usual one of a telephone held upright
  kTransverse = 7,   // rows become columns, then a half turn
  kThreeQuarterTurn = 8,
};

// By the EXIF data of a JPEG (APP1), a PNG (eXIf) or a WebP (EXIF). Missing or damaged data mean upright: a picture that can be seen is
// never refused for them. Time is linear in the number of segments or chunks.
Orientation orientation_of(std::span<const std::byte> file, ImageFormat format);

// uint8 [height, width, channels] with 1, 3 or 4 channels; the sides change places for kTransposed and everything after it.
Tensor turned_upright(Tensor picture, Orientation orientation);

}  // namespace forebay::tensors
