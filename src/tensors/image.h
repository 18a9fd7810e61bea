// Pictures between JPEG, PNG and WebP bytes and uint8 tensors [height, width, channels].
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

struct ImageLimits {
  std::size_t bytes_max = 32 << 20;   // of the file
  std::size_t pixels_max = 32 << 20;  // width times height, read from the header before anything is decoded
  std::size_t side_max = 16'384;
  int jpeg_scans_max = 100;  // a progressive JPEG decodes every pixel again for each scan
};

enum class ImageFormat : std::uint8_t { kJpeg, kPng, kWebp };
std::string_view name_of(ImageFormat format);
// By the first bytes; a file's name is never looked at.
std::optional<ImageFormat> image_format_of(std::span<const std::byte> bytes);

// 1 channel for grey, 3 for RGB, 4 for RGB with alpha. CMYK becomes RGB, 16 bits become 8, palettes are resolved, and the picture is turned
// upright as its EXIF data say; colour profiles are not applied. kImageUnsupported (another format, an animation), kImageInvalid (damaged
// or cut short), kImageTooLarge.
Result<Tensor> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits = {});

// A uint8 tensor [height, width] or [height, width, 1 | 3 | 4]; kTensorTypeMismatch, kTensorShapeMismatch.
Result<std::string> encode_png(const Tensor& image);

}  // namespace forebay::tensors
