// PNG by libpng's simplified interface, which never jumps.
#include <fmt/format.h>
#include <png.h>

#include <cstring>

#include "tensors/errors.h"
#include "tensors/image_codecs.h"

namespace forebay::tensors {

namespace {

class PngImage {
 public:
  PngImage() {
    std::memset(&image_, 0, sizeof image_);
    image_.version = PNG_IMAGE_VERSION;
  }
  ~PngImage() { png_image_free(&image_); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
  png_image* operator->() { return &image_; }
  png_image* get() { return &image_; }

 private:
  png_image image_;
};

std::size_t channels_of(png_uint_32 format) { return PNG_IMAGE_SAMPLE_CHANNELS(format); }

png_uint_32 format_of(std::size_t channels) { return channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA; }

}  // namespace

Result<Tensor> decode_png(std::span<const std::byte> bytes, const ImageLimits& limits) {
  PngImage png;
  const auto broken = [&] { return fail(kImageInvalid, fmt::format("the PNG is damaged: {}", png->message)); };
  if (png_image_begin_read_from_memory(png.get(), bytes.data(), bytes.size()) == 0) return broken();
  TRY(check_image_size(png->width, png->height, limits));
  // Grey with alpha becomes RGB with alpha; 16 bits are taken as sRGB like 8, not as linear light.
  const bool alpha = (png->format & PNG_FORMAT_FLAG_ALPHA) != 0;
  const bool colour = (png->format & PNG_FORMAT_FLAG_COLOR) != 0;
  png->format = alpha ? PNG_FORMAT_RGBA : colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  Tensor image = make_image(png->width, png->height, channels_of(png->format));
  if (png_image_finish_read(png.get(), nullptr, image.mutable_bytes().data(), 0, nullptr) == 0) return broken();
  return image;
}

Result<std::string> encode_png(const Tensor& image) {
  if (image.dtype() != DType::kUint8) return fail(kTensorTypeMismatch, "an image has uint8 values");
  const Shape& shape = image.shape();
  const std::size_t channels = shape.size() == 3 ? static_cast<std::size_t>(shape[2]) : 1;
  constexpr std::int64_t kSideMax = 1'000'000;  // libpng's own
  const bool fits = (shape.size() == 2 || shape.size() == 3) && (channels == 1 || channels == 3 || channels == 4) && shape[0] > 0 &&
                    shape[0] <= kSideMax && shape[1] > 0 && shape[1] <= kSideMax;
  if (!fits) return fail(kTensorShapeMismatch, fmt::format("{} is not [height, width, 1 | 3 | 4]", to_string(shape)));
  PngImage png;
  png->height = static_cast<png_uint_32>(shape[0]);
  png->width = static_cast<png_uint_32>(shape[1]);
  png->format = format_of(channels);
  png_alloc_size_t size = 0;
  std::string file;
  if (png_image_write_get_memory_size(*png.get(), size, 0, image.bytes().data(), 0, nullptr) != 0) {
    file.resize(size);
    if (png_image_write_to_memory(png.get(), file.data(), &size, 0, image.bytes().data(), 0, nullptr) != 0) {
      file.resize(size);
      return file;
    }
  }
  return fail(kTensorTooLarge, fmt::format("the PNG could not be written: {}", png->message));
}

}  // namespace forebay::tensors
