#include "inference/declared_steps.h"

#include <algorithm>
#include <utility>

#include "inference/errors.h"
#include "inference/tensor_inputs.h"
#include "tensors/series.h"

namespace forebay::inference {

Result<ImageInput> image_input(std::span<const std::byte> file, const formats::ModelDescription& description,
                               const tensors::ImageLimits& limits) {
  if (!description.vision) return fail(kImageNotWanted, "the model has no input of shape [batch, channels, height, width]");
  const auto spec = std::ranges::find(description.inputs, description.vision->input, &formats::TensorSpec::name);
  if (spec == description.inputs.end()) return fail(kImageNotWanted, "the model has no input for pictures");
  TRY_ASSIGN(auto image, tensors::decode_image(file, limits));
  TRY_ASSIGN(auto input, tensors::vision_input(image, description.vision->picture, spec->shape, spec->dtype));
  TRY(check_input(*spec, input.tensor));
  return ImageInput{{spec->name, std::move(input.tensor)}, std::move(image), input.seen};
}

Result<formats::TensorSpec> series_spec(const formats::ModelDescription& description) {
  TRY_ASSIGN(const auto* spec, input_of(description, description.series->input));
  return formats::TensorSpec{.name = "series", .shape = tensors::series_shape(*description.series, spec->shape)};
}

Result<SeriesInput> series_input(const formats::ModelDescription& description, const tensors::Tensor& series,
                                 std::optional<std::int64_t> stride) {
  auto steps = *description.series;
  steps.stride = stride.value_or(steps.stride);
  TRY_ASSIGN(const auto* spec, input_of(description, steps.input));
  TRY_ASSIGN(auto cut, tensors::cut_series(series, steps, spec->shape, spec->dtype));
  return SeriesInput{{spec->name, std::move(cut.tensor)}, std::move(cut.starts)};
}

const tensors::Tensor* item_scores(const formats::ModelDescription& description, const tensors::NamedTensors& outputs) {
  return description.ranking ? tensors::find_tensor(outputs, description.ranking->output) : nullptr;
}

std::optional<tensors::Tensor> known_items(const formats::ModelDescription& description, const tensors::NamedTensors& inputs) {
  const auto* known = description.ranking ? tensors::find_tensor(inputs, description.ranking->exclude) : nullptr;
  return known == nullptr ? std::nullopt : std::optional(*known);
}

Result<std::vector<tensors::Ranking>> ranked_items(const formats::ModelDescription& description, const tensors::Tensor& scores,
                                                   const std::optional<tensors::Tensor>& known, std::optional<std::uint32_t> top_k) {
  return tensors::rank_items(scores, top_k.value_or(description.ranking->top_k), known, description.labels);
}

std::string label_of(const tensors::RankedLabel& item) { return item.label.empty() ? std::to_string(item.index) : item.label; }

}  // namespace forebay::inference
