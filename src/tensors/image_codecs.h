// One decoder for each format; image.cc chooses.
// Threads: immutable. Owner: image; nobody above includes it.
#pragma once

#include <span>

#include "base/result.h"
#include "tensors/image.h"

namespace forebay::tensors {

// kImageTooLarge beyond the limits, kImageInvalid for an image without pixels.
Result<> check_image_size(std::size_t width, std::size_t height, const ImageLimits& limits);
// Zeroed uint8 [height, width, channels].
Tensor make_image(std::size_t width, std::size_t height, std::size_t channels);

Result<Tensor> decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits);
Result<Tensor> decode_png(std::span<const std::byte> bytes, const ImageLimits& limits);
Result<Tensor> decode_webp(std::span<const std::byte> bytes, const ImageLimits& limits);

}  // namespace forebay::tensors
