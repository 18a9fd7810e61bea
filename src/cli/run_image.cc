#include "cli/run_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "cli/console.h"
#include "cli/errors.h"
#include "tensors/image.h"
#include "tensors/image_input.h"

namespace forebay::cli {

namespace {
using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

// Where the sides and channels of a picture stand in a shape.
struct Places {
  std::size_t height = 0;
  std::size_t width = 0;
  std::optional<std::size_t> channels;
};

std::optional<Places> places_in(const Shape& shape) {
  const auto is_channels = [](std::int64_t dimension) { return dimension == 1 || dimension == 3; };
  switch (shape.size()) {
    case 2:
      return Places{0, 1, std::nullopt};
    case 3:
      if (is_channels(shape[0])) return Places{1, 2, 0};
      if (is_channels(shape[2])) return Places{0, 1, 2};
      return Places{1, 2, std::nullopt};  // [batch, height, width]
    case 4:
      if (is_channels(shape[1])) return Places{2, 3, 1};
      if (is_channels(shape[3])) return Places{1, 2, 3};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

struct Range {
  double low = 0;
  double high = 255;
};

// "0,16" in the model's metadata.
std::optional<Range> stated_range(const formats::ModelDescription& model) {
  for (const char* key : {"input_range", "value_range"}) {
    const auto found = model.metadata.find(key);
    if (found == model.metadata.end()) continue;
    const std::string& text = found->second;
    Range range;
    const auto first = std::from_chars(text.data(), text.data() + text.size(), range.low);
    if (first.ec != std::errc{} || first.ptr == text.data() + text.size() || *first.ptr != ',') continue;
    const auto second = std::from_chars(first.ptr + 1, text.data() + text.size(), range.high);
    if (second.ec == std::errc{} && std::isfinite(range.low) && std::isfinite(range.high) && range.low < range.high) return range;
  }
  return std::nullopt;
}

// The tensor without leading dimensions of 1.
Result<Tensor> without_batch(const Tensor& tensor) {
  Shape shape = tensor.shape();
  if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
  return tensor.reshaped(std::move(shape));
}

std::vector<std::uint8_t> as_bytes_of_picture(std::span<const double> values) {
  const double most = values.empty() ? 0 : std::ranges::max(values);
  const double scale = most <= 1 ? 255 : 1;
  std::vector<std::uint8_t> bytes;
  for (const double value : values)
    bytes.push_back(static_cast<std::uint8_t>(std::clamp(std::isfinite(value) ? std::round(value * scale) : 0.0, 0.0, 255.0)));
  return bytes;
}
}  // namespace

Result<Tensor> tensor_from_image(std::span<const std::byte> file, const formats::ModelDescription& model, const formats::TensorSpec& spec) {
  const auto places = places_in(spec.shape);
  // Two dimensions of which the first is free are rows of a table.
  const bool is_table = spec.shape.size() == 2 && spec.shape[0] < 0;
  if (!places || is_table || spec.dtype == DType::kString || spec.dtype == DType::kBool)
    return fail(kInputShape,
                fmt::format("the input '{}' of shape {} is not that of a picture", harmless(spec.name), tensors::to_string(spec.shape)));
  TRY_ASSIGN(const Tensor picture, tensors::decode_image(file));
  const auto side = [&](std::size_t at, std::size_t own) { return spec.shape[at] > 0 ? spec.shape[at] : picture.shape()[own]; };
  tensors::ImagePreprocessing steps;
  steps.height = side(places->height, 0);
  steps.width = side(places->width, 1);
  const bool colour = places->channels && spec.shape[*places->channels] == 3;
  steps.channels = colour ? tensors::ImageChannels::kRgb : tensors::ImageChannels::kGrey;
  steps.layout = places->channels && *places->channels > places->height ? tensors::ImageLayout::kNhwc : tensors::ImageLayout::kNchw;
  const Range range = stated_range(model).value_or(Range{});
  steps.scale = static_cast<float>((range.high - range.low) / 255);
  if (range.low != 0) steps.mean = {static_cast<float>(-range.low)};
  TRY_ASSIGN(const Tensor prepared, tensors::to_input(picture, steps, spec.dtype));
  Shape shape = spec.shape;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < 0) shape[i] = i == places->height ? steps.height : i == places->width ? steps.width : 1;
  return prepared.reshaped(std::move(shape));
}

Result<std::string> png_of(const Tensor& tensor) {
  const auto no_picture = [&] {
    return fail(kOutputFormat, fmt::format("an output of shape {} is no picture", tensors::to_string(tensor.shape())));
  };
  if (tensor.dtype() == DType::kString) return no_picture();
  TRY_ASSIGN(Tensor picture, without_batch(tensor));
  const Shape& shape = picture.shape();
  const auto places = places_in(shape);
  const bool is_batch = shape.size() == 3 && places && !places->channels;
  if (!places || shape.size() > 3 || is_batch || tensor.size() == 0) return no_picture();
  TRY_ASSIGN(const Tensor numbers, picture.converted_to(DType::kFloat64));
  const auto bytes = tensor.dtype() == DType::kUint8
                         ? std::vector<std::uint8_t>(picture.values<std::uint8_t>().begin(), picture.values<std::uint8_t>().end())
                         : as_bytes_of_picture(numbers.values<double>());
  const auto height = static_cast<std::size_t>(shape[places->height]);
  const auto width = static_cast<std::size_t>(shape[places->width]);
  const std::size_t channels = bytes.size() / (height * width);
  const bool planes_first = places->channels == std::size_t{0};
  std::vector<std::uint8_t> interleaved(bytes.size());
  for (std::size_t pixel = 0; pixel < height * width; ++pixel)
    for (std::size_t c = 0; c < channels; ++c)
      interleaved[pixel * channels + c] = planes_first ? bytes[c * height * width + pixel] : bytes[pixel * channels + c];
  return tensors::encode_png(Tensor::of<std::uint8_t>(
      {static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), static_cast<std::int64_t>(channels)}, interleaved));
}

}  // namespace forebay::cli
