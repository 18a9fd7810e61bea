#include "formats/vision_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "formats/errors.h"
#include "tensors/picture_input.h"

namespace forebay::formats {

namespace {

using tensors::BoxHead;
using tensors::ImageResize;
using tensors::RecipeSource;
using tensors::VisionRecipe;
using tensors::VisionTask;

bool is_floating(const TensorSpec& spec) {
  return spec.dtype == tensors::DType::kFloat16 || spec.dtype == tensors::DType::kFloat32 || spec.dtype == tensors::DType::kFloat64;
}

class VisionReader {
 public:
  VisionReader(const ModelDescription& description, const VisionSidecar& sidecar, bool has_sidecar)
      : description_(description), sidecar_(sidecar), has_sidecar_(has_sidecar) {}

  Result<std::optional<VisionRecipe>> read() {
    TRY_ASSIGN(const bool sees, find_input());
    if (!sees) return std::nullopt;
    recipe_.input = input_->name;
    recipe_.source = has_sidecar_ ? sidecar_.source : is_ultralytics() ? RecipeSource::kMetadata : RecipeSource::kShapes;
    read_sides();
    choose_task();
    choose_outputs();
    choose_preprocessing();
    recipe_.assumed.insert(recipe_.assumed.end(), sidecar_.assumed.begin(), sidecar_.assumed.end());
    TRY(apply_sidecar());
    TRY(check());
    return std::move(recipe_);
  }

 private:
  void assume(std::string what) { recipe_.assumed.push_back(std::move(what)); }
  static std::unexpected<Error> wrong(const std::string& field, std::string problem) {
    return fail(Error(kSidecarInvalid, fmt::format("'{}' {}", field, problem)).with_field(field));
  }

  // YOLOv5's own exporter writes the stride and the names, later ones the task as well.
  bool is_ultralytics() const { return description_.metadata.contains("stride") && description_.metadata.contains("names"); }
  std::string metadata(const std::string& key) const {
    const auto found = description_.metadata.find(key);
    return found == description_.metadata.end() ? std::string() : found->second;
  }

  Result<bool> find_input() {
    const auto takes = [&](const TensorSpec& spec) {
      if (sidecar_.input) return spec.name == *sidecar_.input && tensors::takes_picture(spec.shape, spec.dtype);
      return spec.shape.size() == 4 && tensors::takes_picture(spec.shape, spec.dtype);
    };
    const auto found = std::ranges::find_if(description_.inputs, takes);
    if (found != description_.inputs.end()) {
      input_ = &*found;
      return true;
    }
    if (!has_sidecar_ || sidecar_.source == RecipeSource::kProcessor) return false;
    return wrong("input", sidecar_.input ? "is no input of the model that takes a picture" : "is missing: no input looks like a picture");
  }

  // "[640, 640]" is height and width.
  void read_sides() {
    const auto places = *tensors::picture_places(input_->shape);
    height_ = input_->shape[places.height];
    width_ = input_->shape[places.width];
    channels_ = places.channels ? input_->shape[*places.channels] : 1;
    if (!is_ultralytics()) return;
    std::vector<std::int64_t> sides;
    const std::string text = metadata("imgsz");
    for (const char* at = text.data(); at < text.data() + text.size();) {
      std::int64_t side = 0;
      const auto [end, problem] = std::from_chars(at, text.data() + text.size(), side);
      if (problem == std::errc()) sides.push_back(side);
      at = problem == std::errc() ? end : at + 1;
    }
    const auto usable = [](std::int64_t side) { return side > 0 && side <= 16'384; };
    if (sides.empty() || sides.size() > 2 || !std::ranges::all_of(sides, usable)) return;
    if (height_ < 0) height_ = sides.front();
    if (width_ < 0) width_ = sides.back();
  }

  void choose_task() {
    guess_from_shapes();
    const std::string stated = is_ultralytics() ? metadata("task") : "";
    if (sidecar_.task) {
      recipe_.task = *sidecar_.task;
    } else if (stated == "classify") {
      recipe_.task = VisionTask::kClassification;
    } else if (stated == "detect") {
      recipe_.task = VisionTask::kDetection;
    } else if (stated == "segment") {
      recipe_.task = VisionTask::kInstances;
    } else if (!stated.empty()) {
      recipe_.task = VisionTask::kTensors;
      assume(fmt::format("the task '{}' is answered with plain tensors", stated));
    } else {
      recipe_.task = guessed_;
      if (guessed_ != VisionTask::kTensors) assume(fmt::format("the task is {}, by the shapes of the outputs", name_of(guessed_)));
    }
  }

  const TensorSpec* output_of_rank(std::size_t rank, const TensorSpec* besides = nullptr) const {
    const auto found = std::ranges::find_if(description_.outputs, [&](const TensorSpec& spec) {
      return spec.has_shape && spec.shape.size() == rank && is_floating(spec) && &spec != besides;
    });
    return found == description_.outputs.end() ? nullptr : &*found;
  }

  void guess_from_shapes() {
    boxes_ = output_of_rank(3);
    if (boxes_ != nullptr) head_ = guess_head(boxes_->shape);
    planes_ = output_of_rank(4);
    scores_ = output_of_rank(2);
    if (head_) {
      const bool has_prototypes = planes_ != nullptr && planes_->shape[1] > 1;
      guessed_ = has_prototypes ? VisionTask::kInstances : VisionTask::kDetection;
    } else if (scores_ != nullptr && scores_->shape[1] > 1 && !description_.inputs.empty()) {
      guessed_ = VisionTask::kClassification;
    } else if (planes_ != nullptr && is_class_planes(planes_->shape)) {
      guessed_ = VisionTask::kSegmentation;
    }
  }

  // A picture out of a picture has 1 or 3 planes as well, so those are not taken for classes unless there are as many labels.
  bool is_class_planes(const tensors::Shape& shape) const {
    const auto classes = shape[1];
    if (classes > 256 || shape[2] == 1 || shape[3] == 1) return false;
    return classes == 2 || classes >= 4 || (classes > 1 && classes == static_cast<std::int64_t>(description_.labels.size()));
  }

  // By the number of anchors that an input of this size has on grids of 8, 16 and 32 pixels; by the number of labels when that is free.
  std::optional<BoxHead> guess_head(const tensors::Shape& shape) const {
    std::int64_t cells = 0;
    for (const std::int64_t stride : {8, 16, 32}) cells += height_ > 0 && width_ > 0 ? (height_ / stride) * (width_ / stride) : 0;
    if (cells > 0 && shape[2] == cells && shape[1] != 6) return BoxHead::kYoloV8;
    if (cells > 0 && shape[1] == 3 * cells) return BoxHead::kYoloV5;
    if (cells > 0 && shape[1] == cells && shape[2] > 5) return BoxHead::kYolox;
    constexpr std::int64_t kFinalMax = 1'000;
    if (shape[1] > 0 && shape[1] <= kFinalMax && (shape[2] == 6 || shape[2] == 38)) return BoxHead::kFinal;
    const auto labels = static_cast<std::int64_t>(description_.labels.size());
    if (labels == 0) return std::nullopt;
    if (shape[1] == 4 + labels || shape[1] == 4 + labels + 32) return BoxHead::kYoloV8;
    if (shape[2] == 5 + labels || shape[2] == 5 + labels + 32) return BoxHead::kYoloV5;
    return std::nullopt;
  }

  void choose_outputs() {
    const auto name_if = [](const TensorSpec* spec) { return spec == nullptr ? std::string() : spec->name; };
    switch (recipe_.task) {
      case VisionTask::kTensors:
        return;
      case VisionTask::kClassification:
        recipe_.output = name_if(scores_ != nullptr ? scores_ : planes_);
        if (recipe_.output.empty() && !description_.outputs.empty()) recipe_.output = description_.outputs.front().name;
        return;
      case VisionTask::kDetection:
      case VisionTask::kInstances:
        recipe_.output = name_if(boxes_);
        if (recipe_.task == VisionTask::kInstances) recipe_.second_output = name_if(planes_);
        if (head_) recipe_.head = *head_;
        if (head_ && recipe_.source == RecipeSource::kShapes) assume(fmt::format("the boxes are {}'s, by their number", name_of(*head_)));
        return;
      case VisionTask::kSegmentation:
        recipe_.output = name_if(planes_ != nullptr ? planes_ : boxes_);
        if (recipe_.output.empty() && !description_.outputs.empty()) recipe_.output = description_.outputs.front().name;
        return;
      case VisionTask::kAnomaly:
        recipe_.output = name_if(planes_ != nullptr ? planes_ : boxes_);
        recipe_.thresholds.score_min = 0.5F;
        return;
    }
  }

  void choose_preprocessing() {
    auto& picture = recipe_.picture;
    const std::size_t assumed_before = recipe_.assumed.size();
    const bool detects = recipe_.task == VisionTask::kDetection || recipe_.task == VisionTask::kInstances;
    const bool is_yolox = detects && head_ == BoxHead::kYolox;
    if (is_ultralytics()) {
      picture.scale = 1.0F / 255;
      picture.resize = recipe_.task == VisionTask::kClassification ? ImageResize::kCrop : ImageResize::kLetterbox;
      picture.filter = recipe_.task == VisionTask::kClassification ? tensors::ImageFilter::kBilinear : tensors::ImageFilter::kLinear;
    } else if (detects) {
      // Megvii's YOLOX takes pixels as they are, blue first, in the upper left corner; the others 0 to 1, in the middle.
      picture.scale = is_yolox ? 1 : 1.0F / 255;
      picture.resize = is_yolox ? ImageResize::kCorner : ImageResize::kLetterbox;
      picture.filter = tensors::ImageFilter::kLinear;
      picture.channels = is_yolox ? tensors::ImageChannels::kBgr : tensors::ImageChannels::kRgb;
      assume(is_yolox ? "pixels are 0 to 255 in the order BGR, the picture in the upper left corner"
                      : "pixels are 0 to 1 in the order RGB, the picture in the middle with bars");
    } else {
      const auto range = tensors::stated_pixel_range(description_.metadata);
      picture = tensors::steps_for(range);
      const bool stated = description_.metadata.contains("input_range") || description_.metadata.contains("value_range");
      if (!stated) assume("pixels are 0 to 255");
      if (channels_ == 3) assume("the order of the channels is RGB");
    }
    if (channels_ == 1) picture.channels = tensors::ImageChannels::kGrey;
    picture.width = std::max<std::int64_t>(width_, 0);
    picture.height = std::max<std::int64_t>(height_, 0);
    if (recipe_.source == RecipeSource::kSidecar && sidecar_.scale && sidecar_.resize) recipe_.assumed.clear();
    if (recipe_.source == RecipeSource::kProcessor) recipe_.assumed.resize(assumed_before);  // it says everything about pixels
  }

  Result<> apply_sidecar() {
    const auto take = [](const auto& given, auto& into) {
      if (given) into = *given;
    };
    auto& picture = recipe_.picture;
    const bool fixed_width = width_ > 0 && sidecar_.width && *sidecar_.width != width_;
    const bool fixed_height = height_ > 0 && sidecar_.height && *sidecar_.height != height_;
    if (!is_ultralytics() && fixed_width)
      return wrong("preprocessing.width", fmt::format("contradicts the model's input of {} pixels", width_));
    if (!is_ultralytics() && fixed_height)
      return wrong("preprocessing.height", fmt::format("contradicts the model's input of {} pixels", height_));
    take(sidecar_.width, picture.width);
    take(sidecar_.height, picture.height);
    take(sidecar_.resize, picture.resize);
    take(sidecar_.filter, picture.filter);
    take(sidecar_.channels, picture.channels);
    take(sidecar_.crop_share, picture.crop_share);
    take(sidecar_.scale, picture.scale);
    take(sidecar_.mean, picture.mean);
    take(sidecar_.deviation, picture.deviation);
    take(sidecar_.padding, picture.padding);
    take(sidecar_.output, recipe_.output);
    take(sidecar_.second_output, recipe_.second_output);
    take(sidecar_.head, recipe_.head);
    take(sidecar_.scores, recipe_.scores);
    take(sidecar_.score_min, recipe_.thresholds.score_min);
    take(sidecar_.overlap_max, recipe_.thresholds.overlap_max);
    take(sidecar_.detections_max, recipe_.thresholds.detections_max);
    take(sidecar_.classes_max, recipe_.thresholds.classes_max);
    return {};
  }

  // What is missing is the sidecar's to say; without one the model is served as plain tensors.
  Result<> check() {
    if (recipe_.task == VisionTask::kTensors) return {};
    const auto known = [&](const std::string& name) { return std::ranges::contains(description_.outputs, name, &TensorSpec::name); };
    const bool detects = recipe_.task == VisionTask::kDetection || recipe_.task == VisionTask::kInstances;
    const bool anomaly = recipe_.task == VisionTask::kAnomaly;
    std::string field;
    std::string problem;
    if (!known(recipe_.output) && !(anomaly && recipe_.output.empty() && known(recipe_.second_output))) {
      field = "output";
      problem = recipe_.output.empty() ? "is missing: no output looks like it"
                                       : fmt::format("is '{}', which the model does not have", recipe_.output);
    } else if (!recipe_.second_output.empty() ? !known(recipe_.second_output) : recipe_.task == VisionTask::kInstances) {
      field = anomaly ? "score" : "masks";
      problem = "is no output of the model";
    } else if (detects && !head_ && !sidecar_.head) {
      field = "postprocessing.head";
      problem = "is missing: the shapes of the outputs do not say";
    }
    const std::size_t channels = recipe_.picture.channels == tensors::ImageChannels::kGrey ? 1 : 3;
    for (const auto* values : {&recipe_.picture.mean, &recipe_.picture.deviation}) {
      if (values->size() <= 1 || values->size() == channels) continue;
      field = values == &recipe_.picture.mean ? "preprocessing.mean" : "preprocessing.std";
      problem = fmt::format("has {} numbers for {} channels", values->size(), channels);
    }
    if (field.empty()) return {};
    if (has_sidecar_) return wrong(field, problem);
    assume(fmt::format("{} cannot be answered: '{}' {}", name_of(recipe_.task), field, problem));
    recipe_.task = VisionTask::kTensors;
    return {};
  }

  const ModelDescription& description_;
  const VisionSidecar& sidecar_;
  const bool has_sidecar_;
  VisionRecipe recipe_;
  const TensorSpec* input_ = nullptr;
  const TensorSpec* boxes_ = nullptr;   // of rank 3
  const TensorSpec* planes_ = nullptr;  // of rank 4
  const TensorSpec* scores_ = nullptr;  // of rank 2
  std::optional<BoxHead> head_;
  VisionTask guessed_ = VisionTask::kTensors;
  std::int64_t width_ = -1;
  std::int64_t height_ = -1;
  std::int64_t channels_ = 3;
};

}  // namespace

Result<> describe_vision(ModelDescription& description, const std::optional<VisionSidecar>& sidecar) {
  if (sidecar && sidecar->labels) description.labels = *sidecar->labels;
  const VisionSidecar nothing;
  TRY_ASSIGN(description.vision, VisionReader(description, sidecar ? *sidecar : nothing, sidecar.has_value()).read());
  return {};
}

}  // namespace forebay::formats
