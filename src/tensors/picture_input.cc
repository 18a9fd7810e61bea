#include "tensors/picture_input.h"

#include <charconv>
#include <cmath>

#include "tensors/errors.h"
#include "tensors/image.h"
#include "tensors/image_input.h"
#include "tensors/vision.h"

namespace forebay::tensors {

namespace {

std::optional<PixelRange> range_in(const std::string& text) {
  PixelRange range;
  const char* const end = text.data() + text.size();
  const auto low = std::from_chars(text.data(), end, range.low);
  if (low.ec != std::errc{} || low.ptr == end || *low.ptr != ',') return std::nullopt;
  const auto high = std::from_chars(low.ptr + 1, end, range.high);
  if (high.ec != std::errc{} || !std::isfinite(range.low) || !std::isfinite(range.high) || range.low >= range.high) return std::nullopt;
  return range;
}

}  // namespace

std::optional<PicturePlaces> picture_places(const Shape& shape) {
  const auto is_channels = [](std::int64_t dimension) { return dimension == 1 || dimension == 3; };
  switch (shape.size()) {
    case 2:
      return PicturePlaces{0, 1, std::nullopt};
    case 3:
      if (is_channels(shape[0])) return PicturePlaces{1, 2, 0};
      if (is_channels(shape[2])) return PicturePlaces{0, 1, 2};
      return PicturePlaces{1, 2, std::nullopt};  // [batch, height, width]
    case 4:
      if (is_channels(shape[1])) return PicturePlaces{2, 3, 1};
      if (is_channels(shape[3])) return PicturePlaces{1, 2, 3};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool takes_picture(const Shape& shape, DType dtype) {
  const bool is_table = shape.size() == 2 && shape[0] < 0;
  return !is_table && dtype != DType::kString && dtype != DType::kBool && picture_places(shape).has_value();
}

PixelRange stated_pixel_range(const std::map<std::string, std::string>& metadata) {
  for (const char* key : {"input_range", "value_range"}) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) continue;
    if (const auto range = range_in(found->second)) return *range;
  }
  return {};
}

ImagePreprocessing steps_for(const PixelRange& range) {
  ImagePreprocessing steps{.width = 0, .height = 0};
  steps.scale = static_cast<float>((range.high - range.low) / 255);
  if (range.low != 0) steps.mean = {static_cast<float>(-range.low)};
  return steps;
}

Result<Tensor> tensor_of_picture(std::span<const std::byte> file, const Shape& shape, DType dtype, const PixelRange& range) {
  if (!takes_picture(shape, dtype)) return fail(kTensorShapeMismatch, "an input of shape " + to_string(shape) + " takes no picture");
  TRY_ASSIGN(const Tensor picture, decode_image(file));
  TRY_ASSIGN(auto input, vision_input(picture, steps_for(range), shape, dtype));
  return std::move(input.tensor);
}

}  // namespace forebay::tensors
