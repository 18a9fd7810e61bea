#include "tensors/image.h"

#include <fmt/format.h>

#include "tensors/errors.h"
#include "tensors/image_codecs.h"
#include "tensors/orientation.h"

namespace forebay::tensors {

std::string_view name_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
  }
  return "JPEG";
}

std::optional<ImageFormat> image_format_of(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") return ImageFormat::kWebp;
  return std::nullopt;
}

Result<> check_image_size(std::size_t width, std::size_t height, const ImageLimits& limits) {
  if (width == 0 || height == 0) return fail(kImageInvalid, "the image has no pixels");
  if (width > limits.side_max || height > limits.side_max || width > limits.pixels_max / height) {
    return fail(kImageTooLarge, fmt::format("the image is {}x{} pixels; at most {} on a side and {} in all are allowed", width, height,
                                            limits.side_max, limits.pixels_max));
  }
  return {};
}

Tensor make_image(std::size_t width, std::size_t height, std::size_t channels) {
  return Tensor::zeros(DType::kUint8,
                       {static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), static_cast<std::int64_t>(channels)});
}

namespace {

Result<Tensor> decode_stored(std::span<const std::byte> bytes, ImageFormat format, const ImageLimits& limits) {
  switch (format) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, limits);
    case ImageFormat::kPng:
      return decode_png(bytes, limits);
    case ImageFormat::kWebp:
      return decode_webp(bytes, limits);
  }
  return fail(kImageUnsupported, "the bytes are neither JPEG nor PNG nor WebP");
}

}  // namespace

Result<Tensor> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (bytes.size() > limits.bytes_max) {
    return fail(kImageTooLarge, fmt::format("the image has {} bytes; at most {} are allowed", bytes.size(), limits.bytes_max));
  }
  const auto format = image_format_of(bytes);
  if (!format) return fail(kImageUnsupported, "the bytes are neither JPEG nor PNG nor WebP");
  TRY_ASSIGN(auto stored, decode_stored(bytes, *format, limits));
  return turned_upright(std::move(stored), orientation_of(bytes, *format));
}

}  // namespace forebay::tensors
