// A picture as a model's input: resized, cut or padded, colours and layout as the model wants them, normalised.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

enum class ImageResize : std::uint8_t {
  kStretch,    // to width and height, whatever the proportions
  kLetterbox,  // the whole picture in the middle, with bars of `padding`
  kCorner,     // the whole picture in the upper left corner, with bars of `padding` to the right or below
  kCrop,       // the middle of the picture, as much as fits the proportions
};
enum class ImageFilter : std::uint8_t {
  kBilinear,  // a triangle that is widened when it shrinks, as Pillow does
  kLinear,    // the nearest four pixels at any scale, as OpenCV's INTER_LINEAR
  kBicubic,   // widened when it shrinks, as Pillow does
  kNearest,
};
enum class ImageChannels : std::uint8_t { kGrey, kRgb, kBgr };
enum class ImageLayout : std::uint8_t { kNchw, kNhwc };

struct ImagePreprocessing {
  std::int64_t width = 224;
  std::int64_t height = 224;
  ImageResize resize = ImageResize::kStretch;
  ImageFilter filter = ImageFilter::kBilinear;
  float crop_share = 1;  // of the shorter side that kCrop keeps, of both sides with kStretch: 224 of 256 are 0.875
  ImageChannels channels = ImageChannels::kRgb;
  ImageLayout layout = ImageLayout::kNchw;
  // value = (pixel * scale - mean) / deviation, with pixels from 0 to 255.
  float scale = 1.0f / 255;
  std::vector<float> mean;  // none, one for all channels, or one for each, in the order of `channels`
  std::vector<float> deviation;
  float padding = 114;  // a pixel value
};

// Where the picture lies in the input: x of the input = x of the picture * scale_x + offset_x.
struct ImagePlacement {
  double scale_x = 1;
  double scale_y = 1;
  double offset_x = 0;
  double offset_y = 0;
};
// For a picture with pixels and options that to_input accepts; for boxes on their way back.
ImagePlacement placement_of(std::int64_t image_width, std::int64_t image_height, const ImagePreprocessing& options);

// A uint8 picture [height, width] or [height, width, 1 | 3 | 4] as [1, channels, height, width] or [1, height, width, channels] of
// `dtype`; integers are rounded. Grey is the luma of ITU-R BT.601; alpha is dropped. kTensorTypeMismatch, kTensorShapeMismatch,
// kPreprocessingInvalid, kTensorValueOutOfRange.
Result<Tensor> to_input(const Tensor& image, const ImagePreprocessing& options, DType dtype);

}  // namespace forebay::tensors
