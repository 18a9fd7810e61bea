#include "tensors/image_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tensors/errors.h"
#include "tensors/resample.h"

namespace forebay::tensors {

namespace {

constexpr std::int64_t kSideMax = 16'384;

std::size_t count_of(ImageChannels channels) { return channels == ImageChannels::kGrey ? 1 : 3; }

Result<Picture> picture_of(const Tensor& image) {
  if (image.dtype() != DType::kUint8) return fail(kTensorTypeMismatch, "a picture has uint8 values");
  const Shape& shape = image.shape();
  const std::int64_t channels = shape.size() == 3 ? shape[2] : 1;
  const bool fits = (shape.size() == 2 || shape.size() == 3) && image.size() > 0 && (channels == 1 || channels == 3 || channels == 4);
  if (!fits) return fail(kTensorShapeMismatch, fmt::format("{} is not [height, width, 1 | 3 | 4]", to_string(shape)));
  return Picture{.pixels = image.values<std::uint8_t>(),
                 .width = static_cast<std::size_t>(shape[1]),
                 .height = static_cast<std::size_t>(shape[0]),
                 .channels = static_cast<std::size_t>(channels)};
}

Result<> check(const ImagePreprocessing& options) {
  if (options.width < 1 || options.height < 1 || options.width > kSideMax || options.height > kSideMax) {
    return fail(kPreprocessingInvalid,
                fmt::format("an input of {}x{} pixels; 1 to {} are possible", options.width, options.height, kSideMax));
  }
  const auto fits = [&](const std::vector<float>& values) { return values.size() <= 1 || values.size() == count_of(options.channels); };
  if (!fits(options.mean) || !fits(options.deviation)) {
    return fail(kPreprocessingInvalid, fmt::format("{} means and {} deviations for {} channels", options.mean.size(),
                                                   options.deviation.size(), count_of(options.channels)));
  }
  const auto finite = [](float value) { return std::isfinite(value); };
  const bool usable = std::isfinite(options.scale) && std::isfinite(options.padding) && std::ranges::all_of(options.mean, finite) &&
                      std::ranges::all_of(options.deviation, [](float value) { return std::isfinite(value) && value > 0; });
  if (!(options.crop_share > 0 && options.crop_share <= 1)) return fail(kPreprocessingInvalid, "crop_share is above 0 and at most 1");
  if (!usable) return fail(kPreprocessingInvalid, "scale, padding, mean and deviation must be finite, and deviation positive");
  return {};
}

float of_channel(const std::vector<float>& values, std::size_t channel, float otherwise) {
  return values.empty() ? otherwise : values[values.size() == 1 ? 0 : channel];
}

// Which part of the picture goes where in the input.
struct Plan {
  Region part;
  std::size_t left = 0;
  std::size_t top = 0;
  std::size_t width = 0;
  std::size_t height = 0;
};

Plan plan_of(double width, double height, const ImagePreprocessing& options) {
  const auto wide = static_cast<double>(options.width);
  const auto high = static_cast<double>(options.height);
  Plan plan{.part = {.width = width, .height = height},
            .width = static_cast<std::size_t>(options.width),
            .height = static_cast<std::size_t>(options.height)};
  if (options.resize == ImageResize::kCrop) {
    const double scale = std::max(wide / width, high / height);
    plan.part.width = std::min(width, wide / scale * options.crop_share);
    plan.part.height = std::min(height, high / scale * options.crop_share);
    plan.part.left = (width - plan.part.width) / 2;
    plan.part.top = (height - plan.part.height) / 2;
  } else if (options.resize == ImageResize::kStretch) {
    plan.part.width = width * options.crop_share;
    plan.part.height = height * options.crop_share;
    plan.part.left = (width - plan.part.width) / 2;
    plan.part.top = (height - plan.part.height) / 2;
  } else {
    const double scale = std::min(wide / width, high / height);
    const std::size_t whole_width = plan.width;
    const std::size_t whole_height = plan.height;
    plan.width = std::clamp<std::size_t>(static_cast<std::size_t>(std::round(width * scale)), 1, whole_width);
    plan.height = std::clamp<std::size_t>(static_cast<std::size_t>(std::round(height * scale)), 1, whole_height);
    if (options.resize == ImageResize::kLetterbox) {
      plan.left = (whole_width - plan.width) / 2;
      plan.top = (whole_height - plan.height) / 2;
    }
  }
  return plan;
}

// One pixel of 1, 3 or 4 channels in the wanted channels.
std::array<float, 3> colours_of(const float* pixel, std::size_t channels, ImageChannels wanted) {
  const float red = pixel[0];
  const float green = channels == 1 ? red : pixel[1];
  const float blue = channels == 1 ? red : pixel[2];
  switch (wanted) {
    case ImageChannels::kGrey:
      return {channels == 1 ? red : 0.299f * red + 0.587f * green + 0.114f * blue, 0, 0};
    case ImageChannels::kRgb:
      return {red, green, blue};
    case ImageChannels::kBgr:
      return {blue, green, red};
  }
  return {red, green, blue};
}

// Writes normalised values into their places.
class InputWriter {
 public:
  InputWriter(const ImagePreprocessing& options, bool rounded, std::span<float> out)
      : options_(options), rounded_(rounded), channels_(count_of(options.channels)), out_(out) {}

  void fill(float pixel) {
    for (std::size_t y = 0; y < static_cast<std::size_t>(options_.height); ++y) {
      for (std::size_t x = 0; x < static_cast<std::size_t>(options_.width); ++x) write(x, y, {pixel, pixel, pixel});
    }
  }
  void write(std::size_t x, std::size_t y, const std::array<float, 3>& colours) {
    const auto width = static_cast<std::size_t>(options_.width);
    const auto height = static_cast<std::size_t>(options_.height);
    for (std::size_t c = 0; c < channels_; ++c) {
      const float value = (colours[c] * options_.scale - of_channel(options_.mean, c, 0)) / of_channel(options_.deviation, c, 1);
      const std::size_t at = options_.layout == ImageLayout::kNchw ? (c * height + y) * width + x : (y * width + x) * channels_ + c;
      out_[at] = rounded_ ? std::nearbyint(value) : value;
    }
  }

 private:
  const ImagePreprocessing& options_;
  const bool rounded_;
  const std::size_t channels_;
  const std::span<float> out_;
};

bool is_floating(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBfloat16 || dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

}  // namespace

ImagePlacement placement_of(std::int64_t image_width, std::int64_t image_height, const ImagePreprocessing& options) {
  const Plan plan = plan_of(static_cast<double>(image_width), static_cast<double>(image_height), options);
  ImagePlacement placement;
  placement.scale_x = static_cast<double>(plan.width) / plan.part.width;
  placement.scale_y = static_cast<double>(plan.height) / plan.part.height;
  placement.offset_x = static_cast<double>(plan.left) - plan.part.left * placement.scale_x;
  placement.offset_y = static_cast<double>(plan.top) - plan.part.top * placement.scale_y;
  return placement;
}

Result<Tensor> to_input(const Tensor& image, const ImagePreprocessing& options, DType dtype) {
  TRY_ASSIGN(const Picture picture, picture_of(image));
  TRY(check(options));
  const Plan plan = plan_of(static_cast<double>(picture.width), static_cast<double>(picture.height), options);
  const auto pixels = resample(picture, plan.part, plan.width, plan.height, options.filter);
  const auto channels = static_cast<std::int64_t>(count_of(options.channels));
  Tensor input = Tensor::zeros(DType::kFloat32, options.layout == ImageLayout::kNchw ? Shape{1, channels, options.height, options.width}
                                                                                     : Shape{1, options.height, options.width, channels});
  const auto bytes = input.mutable_bytes();
  InputWriter writer(options, !is_floating(dtype), {reinterpret_cast<float*>(bytes.data()), input.size()});
  if (options.resize == ImageResize::kLetterbox || options.resize == ImageResize::kCorner) writer.fill(options.padding);
  for (std::size_t y = 0; y < plan.height; ++y) {
    for (std::size_t x = 0; x < plan.width; ++x) {
      const float* pixel = pixels.data() + (y * plan.width + x) * picture.channels;
      writer.write(plan.left + x, plan.top + y, colours_of(pixel, picture.channels, options.channels));
    }
  }
  return input.converted_to(dtype);
}

}  // namespace forebay::tensors
