#include "tensors/vision.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tensors/element_types.h"
#include "tensors/errors.h"
#include "tensors/picture_input.h"

namespace forebay::tensors {

namespace {

std::string label_of(std::size_t index, std::span<const std::string> labels) {
  return index < labels.size() ? labels[index] : std::string();
}

Result<const Tensor*> output_named(const NamedTensors& outputs, const std::string& name) {
  if (const Tensor* found = find_tensor(outputs, name); found != nullptr) return found;
  return fail(kVisionOutput, fmt::format("the model gave no output '{}'", name));
}

// Probabilities are between 0 and 1 and sum to 1, but for rounding in half precision.
bool are_probabilities(std::span<const float> scores) {
  const auto within = [](float score) { return score >= -0.001F && score <= 1.001F; };
  return std::ranges::all_of(scores, within) && std::abs(std::accumulate(scores.begin(), scores.end(), 0.0) - 1) < 0.02;
}

Result<> classify(VisionAnswer& answer, const Tensor& output, const VisionRecipe& recipe, const VisionThresholds& thresholds,
                  std::span<const std::string> labels) {
  // [1, classes], or with sides of 1 that some exporters leave.
  const auto count = static_cast<std::int64_t>(output.size());
  const bool one_row = std::ranges::count_if(output.shape(), [](auto dimension) { return dimension != 1; }) <= 1;
  if (count == 0 || !one_row)
    return fail(kVisionOutput, fmt::format("an output of shape {} holds no scores of classes", to_string(output.shape())));
  TRY_ASSIGN(Tensor scores, output.reshaped({1, count}));
  TRY_ASSIGN(scores, scores.converted_to(DType::kFloat32));
  const bool logits =
      recipe.scores == ScoreKind::kLogits || (recipe.scores == ScoreKind::kUnknown && !are_probabilities(scores.values<float>()));
  if (logits) {
    TRY_ASSIGN(scores, softmax(scores));
  }
  const bool named = labels.size() == static_cast<std::size_t>(count);
  TRY_ASSIGN(auto rankings, top_k(scores, thresholds.classes_max, named ? labels : std::span<const std::string>()));
  answer.classes = std::move(rankings.front());
  return {};
}

Result<> detect(VisionAnswer& answer, const NamedTensors& outputs, const VisionRecipe& recipe, const VisionThresholds& thresholds,
                std::span<const std::string> labels, const Seen& seen) {
  TRY_ASSIGN(const Tensor* boxes, output_named(outputs, recipe.output));
  const Tensor* prototypes = nullptr;
  if (recipe.task == VisionTask::kInstances) {
    TRY_ASSIGN(prototypes, output_named(outputs, recipe.second_output));
    if (prototypes->shape().size() != 4)
      return fail(kVisionOutput, fmt::format("an output of shape {} holds no prototypes of masks", to_string(prototypes->shape())));
  }
  const DetectionLayout layout{.head = recipe.head,
                               .input_width = seen.input_width,
                               .input_height = seen.input_height,
                               .mask_weights = prototypes == nullptr ? 0 : static_cast<std::size_t>(prototypes->shape()[1])};
  TRY_ASSIGN(auto candidates, decode_boxes(*boxes, layout, thresholds.score_min));
  const float overlap_max = recipe.head == BoxHead::kFinal ? 1 : thresholds.overlap_max;
  double mask_pixels = 0;
  for (const Candidate& found : without_overlaps(std::move(candidates), overlap_max, thresholds.detections_max)) {
    Detection detection{.box = on_picture(found.box, seen.placement, seen.width, seen.height),
                        .index = found.index,
                        .label = label_of(found.index, labels),
                        .score = found.score,
                        .mask = {}};
    if (prototypes != nullptr) {
      mask_pixels += double{detection.box.right - detection.box.left} * double{detection.box.bottom - detection.box.top};
      if (mask_pixels > static_cast<double>(kMaskPixelsMax))
        return fail(Error(kTensorTooLarge, fmt::format("the masks have more than {} pixels", kMaskPixelsMax))
                        .with_hint("send a smaller picture, or ask for fewer detections"));
      TRY_ASSIGN(detection.mask, mask_of(*prototypes, found.mask, detection.box, seen));
    }
    answer.detections.push_back(std::move(detection));
  }
  return {};
}

Result<> segment(VisionAnswer& answer, const Tensor& output, std::span<const std::string> labels, const Seen& seen) {
  TRY_ASSIGN(answer.class_map, class_map(output, seen));
  std::array<std::size_t, 256> counts{};
  for (const std::uint8_t label : answer.class_map->values<std::uint8_t>()) ++counts[label];
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double share = static_cast<double>(counts[i]) / static_cast<double>(answer.class_map->size());
    answer.pixel_classes.push_back({.index = i, .label = label_of(i, labels), .share = share});
  }
  std::ranges::stable_sort(answer.pixel_classes, std::greater{}, &PixelClass::share);
  return {};
}

// The score of the model, else the highest of its map.
Result<> weigh_anomaly(VisionAnswer& answer, const NamedTensors& outputs, const VisionRecipe& recipe, const VisionThresholds& thresholds,
                       const Seen& seen) {
  Anomaly anomaly;
  if (!recipe.output.empty()) {
    TRY_ASSIGN(const Tensor* map, output_named(outputs, recipe.output));
    TRY_ASSIGN(anomaly.heat_map, heat_map(*map, seen));
    anomaly.score = std::ranges::max(anomaly.heat_map->values<float>());
  }
  if (!recipe.second_output.empty()) {
    TRY_ASSIGN(const Tensor* score, output_named(outputs, recipe.second_output));
    if (score->size() != 1) return fail(kVisionOutput, fmt::format("an output of shape {} is no single score", to_string(score->shape())));
    TRY_ASSIGN(const Tensor floats, score->converted_to(DType::kFloat32));
    anomaly.score = floats.values<float>()[0];
  }
  anomaly.is_anomaly = anomaly.score >= thresholds.score_min;
  answer.anomaly = std::move(anomaly);
  return {};
}

}  // namespace

namespace {

template <class T>
bool has_nan(const Tensor& tensor) {
  return std::ranges::any_of(tensor.values<T>(), [](T value) { return std::isnan(load_element(value)); });
}

// Nothing can be seen in numbers that are none: ranking or comparing them would give a wrong answer silently.
Result<> check_numbers(const NamedTensors& outputs, const VisionRecipe& recipe) {
  for (const auto& name : {recipe.output, recipe.second_output}) {
    const Tensor* output = find_tensor(outputs, name);
    if (output == nullptr) continue;
    const bool bad = (output->dtype() == DType::kFloat32 && has_nan<float>(*output)) ||
                     (output->dtype() == DType::kFloat64 && has_nan<double>(*output)) ||
                     (output->dtype() == DType::kFloat16 && has_nan<Float16>(*output)) ||
                     (output->dtype() == DType::kBfloat16 && has_nan<Bfloat16>(*output));
    if (bad) return fail(kVisionOutput, fmt::format("the output '{}' has NaN for this picture", name));
  }
  return {};
}

bool has_finite_scores(const VisionAnswer& answer) {
  const auto is_finite = [](const auto& found) { return std::isfinite(found.score); };
  return std::ranges::all_of(answer.classes, is_finite) && std::ranges::all_of(answer.detections, is_finite) &&
         (!answer.anomaly || std::isfinite(answer.anomaly->score));
}

}  // namespace

std::string_view name_of(VisionTask task) {
  constexpr std::array<std::string_view, 6> kNames = {"tensors", "classification", "detection", "instances", "segmentation", "anomaly"};
  return kNames.at(static_cast<std::size_t>(task));
}
std::string_view name_of(BoxHead head) {
  constexpr std::array<std::string_view, 4> kNames = {"yolov8", "yolov5", "yolox", "final"};
  return kNames.at(static_cast<std::size_t>(head));
}
std::string_view name_of(ScoreKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"auto", "probabilities", "logits"};
  return kNames.at(static_cast<std::size_t>(kind));
}
std::string_view name_of(RecipeSource source) {
  constexpr std::array<std::string_view, 4> kNames = {"shapes", "metadata", "sidecar", "image_processor"};
  return kNames.at(static_cast<std::size_t>(source));
}

Result<VisionInput> vision_input(const Tensor& picture, const ImagePreprocessing& steps, const Shape& shape, DType dtype) {
  const auto places = takes_picture(shape, dtype) ? picture_places(shape) : std::nullopt;
  if (!places) return fail(kTensorShapeMismatch, "an input of shape " + to_string(shape) + " takes no picture");
  if (picture.shape().size() != 3) return fail(kTensorShapeMismatch, to_string(picture.shape()) + " is not [height, width, channels]");
  ImagePreprocessing filled = steps;
  const auto side = [&](std::size_t at, std::int64_t wanted, std::size_t own) {
    return shape[at] > 0 ? shape[at] : wanted > 0 ? wanted : picture.shape()[own];
  };
  filled.height = side(places->height, steps.height, 0);
  filled.width = side(places->width, steps.width, 1);
  filled.layout = places->channels && *places->channels > places->height ? ImageLayout::kNhwc : ImageLayout::kNchw;
  if (!places->channels || shape[*places->channels] == 1)
    filled.channels = ImageChannels::kGrey;
  else if (filled.channels == ImageChannels::kGrey)
    filled.channels = ImageChannels::kRgb;
  TRY_ASSIGN(Tensor prepared, to_input(picture, filled, dtype));
  Shape whole = shape;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] < 0) whole[i] = i == places->height ? filled.height : i == places->width ? filled.width : 1;
  }
  VisionInput input;
  TRY_ASSIGN(input.tensor, prepared.reshaped(std::move(whole)));
  input.seen = {.width = picture.shape()[1],
                .height = picture.shape()[0],
                .input_width = filled.width,
                .input_height = filled.height,
                .placement = placement_of(picture.shape()[1], picture.shape()[0], filled)};
  return input;
}

namespace {
Result<VisionAnswer> answer_of(const NamedTensors& outputs, const VisionRecipe& recipe, const VisionThresholds& thresholds,
                               std::span<const std::string> labels, const Seen& seen) {
  VisionAnswer answer{.task = recipe.task, .width = seen.width, .height = seen.height};
  switch (recipe.task) {
    case VisionTask::kTensors:
      return answer;
    case VisionTask::kClassification: {
      TRY_ASSIGN(const Tensor* scores, output_named(outputs, recipe.output));
      TRY(classify(answer, *scores, recipe, thresholds, labels));
      return answer;
    }
    case VisionTask::kDetection:
    case VisionTask::kInstances:
      TRY(detect(answer, outputs, recipe, thresholds, labels, seen));
      return answer;
    case VisionTask::kSegmentation: {
      TRY_ASSIGN(const Tensor* map, output_named(outputs, recipe.output));
      TRY(segment(answer, *map, labels, seen));
      return answer;
    }
    case VisionTask::kAnomaly:
      TRY(weigh_anomaly(answer, outputs, recipe, thresholds, seen));
      return answer;
  }
  return answer;
}
}  // namespace

Result<VisionAnswer> interpret(const NamedTensors& outputs, const VisionRecipe& recipe, const VisionThresholds& thresholds,
                               std::span<const std::string> labels, const Seen& seen) {
  TRY(check_numbers(outputs, recipe));
  TRY_ASSIGN(auto answer, answer_of(outputs, recipe, thresholds, labels, seen));
  if (!has_finite_scores(answer)) return fail(kVisionOutput, "a score for this picture is infinite");
  return answer;
}

}  // namespace forebay::tensors
