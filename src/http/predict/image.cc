#include "http/predict/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/errors.h"
#include "http/tensor_run.h"
#include "tensors/image.h"
#include "tensors/image_input.h"

namespace forebay::http::predict {

namespace {

struct Place {
  const formats::TensorSpec* spec;
  tensors::ImageLayout layout;
  std::int64_t channels;
};

std::optional<Place> picture_input(const formats::ModelDescription& description) {
  const auto is_channels = [](std::int64_t dimension) { return dimension == 1 || dimension == 3; };
  for (const auto& spec : description.inputs) {
    if (spec.shape.size() != 4 || spec.dtype == tensors::DType::kString || spec.dtype == tensors::DType::kBool) continue;
    if (is_channels(spec.shape[1])) return Place{&spec, tensors::ImageLayout::kNchw, spec.shape[1]};
    if (is_channels(spec.shape[3])) return Place{&spec, tensors::ImageLayout::kNhwc, spec.shape[3]};
  }
  return std::nullopt;
}

// "0,16" in the model's metadata; pixels are spread over it.
void apply_range(const std::map<std::string, std::string>& metadata, tensors::ImagePreprocessing& steps) {
  steps.scale = 1;
  const auto found = metadata.find("input_range");
  if (found == metadata.end()) return;
  float low = 0;
  float high = 0;
  const std::string& text = found->second;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, low);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ',') return;
  if (std::from_chars(first.ptr + 1, end, high).ec != std::errc() || !(low < high)) return;
  steps.scale = (high - low) / 255;
  if (low != 0) steps.mean = {-low};
}

}  // namespace

Result<tensors::NamedTensors> inputs_from_image(std::span<const std::byte> bytes, const formats::ModelDescription& description) {
  const auto place = picture_input(description);
  if (!place) return fail(kImageNotWanted, "the model has no input of shape [batch, channels, height, width]");
  TRY_ASSIGN(const auto picture, tensors::decode_image(bytes));
  const auto& shape = place->spec->shape;
  const bool planes = place->layout == tensors::ImageLayout::kNchw;
  tensors::ImagePreprocessing steps;
  steps.layout = place->layout;
  steps.channels = place->channels == 3 ? tensors::ImageChannels::kRgb : tensors::ImageChannels::kGrey;
  steps.height = shape[planes ? 2 : 1] > 0 ? shape[planes ? 2 : 1] : picture.shape()[0];
  steps.width = shape[planes ? 3 : 2] > 0 ? shape[planes ? 3 : 2] : picture.shape()[1];
  apply_range(description.metadata, steps);
  tensors::NamedTensors inputs;
  TRY_ASSIGN(auto tensor, tensors::to_input(picture, steps, place->spec->dtype));
  TRY(check_input(*place->spec, tensor));
  inputs.push_back({place->spec->name, std::move(tensor)});
  TRY(check_complete(description, inputs));
  return inputs;
}

}  // namespace forebay::http::predict
