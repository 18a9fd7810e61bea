#include "cli/run_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/console.h"
#include "cli/errors.h"
#include "inference/declared_steps.h"
#include "tensors/image.h"
#include "tensors/picture_input.h"

namespace forebay::cli {

namespace {
using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

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

Result<Tensor> tensor_from_image(std::span<const std::byte> file, const formats::ModelDescription& model, const formats::TensorSpec& spec,
                                 std::optional<SeenPicture>& seen) {
  if (!tensors::takes_picture(spec.shape, spec.dtype))
    return fail(kInputShape,
                fmt::format("the input '{}' of shape {} is not that of a picture", harmless(spec.name), tensors::to_string(spec.shape)));
  if (model.vision && model.vision->input == spec.name) {
    TRY_ASSIGN(auto made, inference::image_input(file, model));
    seen = SeenPicture{.picture = std::move(made.image), .seen = made.seen};
    return std::move(made.input.tensor);
  }
  return tensors::tensor_of_picture(file, spec.shape, spec.dtype, tensors::stated_pixel_range(model.metadata));
}

Result<std::string> png_of(const Tensor& tensor) {
  const auto no_picture = [&] {
    return fail(kOutputFormat, fmt::format("an output of shape {} is no picture", tensors::to_string(tensor.shape())));
  };
  if (tensor.dtype() == DType::kString) return no_picture();
  TRY_ASSIGN(Tensor picture, without_batch(tensor));
  const Shape& shape = picture.shape();
  const auto places = tensors::picture_places(shape);
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
