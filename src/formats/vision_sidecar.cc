#include "formats/vision_sidecar.h"

#include <fmt/format.h>

#include <cmath>
#include <glaze/glaze.hpp>

#include "base/nearest.h"
#include "formats/display_text.h"
#include "formats/errors.h"

namespace forebay::formats {

namespace {

using Json = glz::generic_json<glz::num_mode::f64>;
constexpr std::size_t kLabelsMax = 100'000;
constexpr std::size_t kTextBytesMax = 1'000;

std::unexpected<Error> wrong(const std::string& field, std::string_view problem) {
  return fail(Error(kSidecarInvalid, fmt::format("'{}' {}", field, problem)).with_field(field));
}

// One object of the sidecar: its members are taken one by one, and what is left over is unknown.
class Members {
 public:
  static Result<Members> of(const Json& json, std::string path) {
    if (!json.is_object()) return wrong(path.empty() ? "sidecar" : path, "must be an object");
    return Members(json, std::move(path));
  }

  // The member, unless it is missing or null.
  const Json* take(std::string_view name) {
    known_.emplace_back(name);
    const auto& object = json_->get_object();
    const auto found = object.find(std::string(name));
    return found == object.end() || found->second.is_null() ? nullptr : &found->second;
  }
  std::string path_of(std::string_view name) const { return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name); }

  Result<> text(std::string_view name, std::optional<std::string>& into) {
    const Json* value = take(name);
    if (value == nullptr) return {};
    if (!value->is_string() || value->get_string().empty() || value->get_string().size() > kTextBytesMax)
      return wrong(path_of(name), fmt::format("must be a text of 1 to {} bytes", kTextBytesMax));
    into = as_utf8(value->get_string());
    return {};
  }

  template <class T>
  Result<> number(std::string_view name, double least, double most, std::optional<T>& into) {
    const Json* value = take(name);
    if (value == nullptr) return {};
    TRY_ASSIGN(const double read, number_in(*value, path_of(name), least, most));
    if (std::is_integral_v<T> && read != std::floor(read)) return wrong(path_of(name), "must be a whole number");
    into = static_cast<T>(read);
    return {};
  }

  // One number for all channels, or a list with one for each.
  Result<> numbers(std::string_view name, double least, double most, std::optional<std::vector<float>>& into, std::size_t count_max = 3) {
    const Json* value = take(name);
    if (value == nullptr) return {};
    std::vector<float> read;
    if (!value->is_array()) {
      TRY_ASSIGN(const double one, number_in(*value, path_of(name), least, most));
      read.push_back(static_cast<float>(one));
    } else {
      if (value->get_array().size() > count_max) return wrong(path_of(name), fmt::format("has more than {} numbers", count_max));
      for (const Json& item : value->get_array()) {
        TRY_ASSIGN(const double one, number_in(item, path_of(name), least, most));
        read.push_back(static_cast<float>(one));
      }
    }
    into = std::move(read);
    return {};
  }

  template <class T>
  Result<> word(std::string_view name, std::initializer_list<std::pair<std::string_view, T>> words, std::optional<T>& into) {
    std::optional<std::string> read;
    TRY(text(name, read));
    if (!read) return {};
    std::string all;
    for (const auto& [spelling, meaning] : words) {
      if (spelling == *read) into = meaning;
      all += (all.empty() ? "" : ", ") + std::string(spelling);
    }
    if (!into) return wrong(path_of(name), fmt::format("is '{}'; one of {} is possible", shortened(*read, 100), all));
    return {};
  }

  Result<> labels(std::optional<std::vector<std::string>>& into) {
    const Json* value = take("labels");
    if (value == nullptr) return {};
    if (!value->is_array() || value->get_array().size() > kLabelsMax)
      return wrong("labels", fmt::format("must be a list of at most {} texts", kLabelsMax));
    std::vector<std::string> read;
    for (const Json& item : value->get_array()) {
      if (!item.is_string()) return wrong("labels", "must be a list of texts");
      read.push_back(shortened(item.get_string(), kTextBytesMax));
    }
    into = std::move(read);
    return {};
  }

  Result<> nothing_else() const {
    for (const auto& [name, value] : json_->get_object()) {
      if (std::ranges::contains(known_, name)) continue;
      const auto meant = nearest(name, known_);
      return wrong(path_of(shortened(name, 100)), meant ? fmt::format("is not known; did you mean '{}'?", *meant) : "is not known");
    }
    return {};
  }

 private:
  Members(const Json& json, std::string path) : json_(&json), path_(std::move(path)) {}
  static Result<double> number_in(const Json& value, const std::string& path, double least, double most) {
    if (!value.is_number()) return wrong(path, "must be a number");
    const double read = value.get_number();
    if (!(read >= least && read <= most)) return wrong(path, fmt::format("must be from {} to {}", least, most));
    return read;
  }

  const Json* json_;
  std::string path_;
  std::vector<std::string> known_;
};

constexpr double kSideMax = 16'384;
constexpr double kTiny = 1e-9;
constexpr double kLarge = 1e9;

Result<> read_preprocessing(const Json& json, VisionSidecar& sidecar) {
  using namespace tensors;
  TRY_ASSIGN(auto members, Members::of(json, "preprocessing"));
  TRY(members.number("width", 1, kSideMax, sidecar.width));
  TRY(members.number("height", 1, kSideMax, sidecar.height));
  TRY(members.word("resize",
                   {{"stretch", ImageResize::kStretch},
                    {"letterbox", ImageResize::kLetterbox},
                    {"corner", ImageResize::kCorner},
                    {"crop", ImageResize::kCrop}},
                   sidecar.resize));
  TRY(members.word("filter",
                   {{"bilinear", ImageFilter::kBilinear},
                    {"linear", ImageFilter::kLinear},
                    {"bicubic", ImageFilter::kBicubic},
                    {"nearest", ImageFilter::kNearest}},
                   sidecar.filter));
  TRY(members.word(
      "channels",
      {{"rgb", ImageChannels::kRgb}, {"bgr", ImageChannels::kBgr}, {"grey", ImageChannels::kGrey}, {"gray", ImageChannels::kGrey}},
      sidecar.channels));
  TRY(members.number("crop_share", 0.01, 1, sidecar.crop_share));
  TRY(members.number("scale", kTiny, kLarge, sidecar.scale));
  TRY(members.numbers("mean", -kLarge, kLarge, sidecar.mean));
  TRY(members.numbers("std", kTiny, kLarge, sidecar.deviation));
  TRY(members.number("padding", 0, 255, sidecar.padding));
  return members.nothing_else();
}

Result<> read_postprocessing(const Json& json, VisionSidecar& sidecar) {
  using namespace tensors;
  TRY_ASSIGN(auto members, Members::of(json, "postprocessing"));
  TRY(members.word("head",
                   {{"yolov8", BoxHead::kYoloV8}, {"yolov5", BoxHead::kYoloV5}, {"yolox", BoxHead::kYolox}, {"final", BoxHead::kFinal}},
                   sidecar.head));
  TRY(members.word("scores", {{"auto", ScoreKind::kUnknown}, {"probabilities", ScoreKind::kProbabilities}, {"logits", ScoreKind::kLogits}},
                   sidecar.scores));
  TRY(members.number("score_min", -kLarge, kLarge, sidecar.score_min));
  TRY(members.number("overlap_max", 0, 1, sidecar.overlap_max));
  TRY(members.number("detections_max", 1, 10'000, sidecar.detections_max));
  TRY(members.number("top_k", 1, 10'000, sidecar.classes_max));
  return members.nothing_else();
}

Result<> read_series(const Json& json, VisionSidecar& sidecar) {
  constexpr double kStepsMax = 1'000'000;
  constexpr std::size_t kColumnsMax = 10'000;
  TRY_ASSIGN(auto members, Members::of(json, "series"));
  std::optional<std::string> input;
  std::optional<std::int64_t> window;
  std::optional<std::int64_t> stride;
  std::optional<bool> columns_first;
  std::optional<std::vector<float>> mean;
  std::optional<std::vector<float>> deviation;
  TRY(members.text("input", input));
  TRY(members.number("window", 1, kStepsMax, window));
  TRY(members.number("stride", 1, kStepsMax, stride));
  TRY(members.word("layout", {{"steps_first", false}, {"columns_first", true}}, columns_first));
  TRY(members.numbers("mean", -kLarge, kLarge, mean, kColumnsMax));
  TRY(members.numbers("std", kTiny, kLarge, deviation, kColumnsMax));
  sidecar.series = tensors::SeriesRecipe{.input = input.value_or(""),
                                         .window = window.value_or(0),
                                         .stride = stride.value_or(0),
                                         .columns_first = columns_first.value_or(false),
                                         .mean = mean.value_or(std::vector<float>()),
                                         .deviation = deviation.value_or(std::vector<float>())};
  return members.nothing_else();
}

Result<> read_ranking(const Json& json, VisionSidecar& sidecar) {
  TRY_ASSIGN(auto members, Members::of(json, "ranking"));
  std::optional<std::string> output;
  std::optional<std::string> exclude;
  std::optional<std::uint32_t> top_k;
  TRY(members.text("output", output));
  TRY(members.text("exclude", exclude));
  TRY(members.number("top_k", 1, 10'000, top_k));
  sidecar.ranking = tensors::RankingRecipe{.output = output.value_or(""), .exclude = exclude.value_or("")};
  if (top_k) sidecar.ranking->top_k = *top_k;
  return members.nothing_else();
}

Result<> read_batching(const Json& json, VisionSidecar& sidecar) {
  TRY_ASSIGN(auto members, Members::of(json, "batching"));
  TRY(members.word("rows", {{"independent", true}, {"dependent", false}}, sidecar.rows_independent));
  return members.nothing_else();
}

// A model that takes series or gives items looks at no pictures.
Result<> read_series_and_ranking(Members& members, VisionSidecar& sidecar) {
  const Json* series = members.take("series");
  const Json* ranking = members.take("ranking");
  if (series != nullptr) TRY(read_series(*series, sidecar));
  if (ranking != nullptr) TRY(read_ranking(*ranking, sidecar));
  if (series == nullptr && ranking == nullptr) return {};
  for (const char* other : {"task", "input", "output", "masks", "score", "preprocessing", "postprocessing"})
    if (members.take(other) != nullptr) return wrong(other, "is for pictures, and series or ranking are for other models");
  return {};
}

}  // namespace

Result<VisionSidecar> read_vision_sidecar(std::string_view json) {
  using tensors::VisionTask;
  if (json.size() > kSidecarBytesMax) return wrong("sidecar", fmt::format("has more than {} bytes", kSidecarBytesMax));
  Json parsed;
  const std::string text(json);  // the reader wants a closing zero
  if (const auto problem = glz::read_json(parsed, text)) return wrong("sidecar", fmt::format("is no JSON (near byte {})", problem.count));
  VisionSidecar sidecar;
  TRY_ASSIGN(auto members, Members::of(parsed, ""));
  if (const Json* batching = members.take("batching")) {
    TRY(read_batching(*batching, sidecar));
    sidecar.only_batching = parsed.get_object().size() == 1;
  }
  TRY(read_series_and_ranking(members, sidecar));
  TRY(members.word("task",
                   {{"tensors", VisionTask::kTensors},
                    {"classification", VisionTask::kClassification},
                    {"detection", VisionTask::kDetection},
                    {"instances", VisionTask::kInstances},
                    {"segmentation", VisionTask::kSegmentation},
                    {"anomaly", VisionTask::kAnomaly}},
                   sidecar.task));
  TRY(members.text("input", sidecar.input));
  TRY(members.text("output", sidecar.output));
  std::optional<std::string> masks;
  std::optional<std::string> score;
  TRY(members.text("masks", masks));
  TRY(members.text("score", score));
  if (masks && score) return wrong("score", "belongs to an anomaly model, 'masks' to instances");
  sidecar.second_output = masks ? masks : score;
  TRY(members.labels(sidecar.labels));
  if (const Json* before = members.take("preprocessing")) TRY(read_preprocessing(*before, sidecar));
  if (const Json* after = members.take("postprocessing")) TRY(read_postprocessing(*after, sidecar));
  TRY(members.nothing_else());
  return sidecar;
}

}  // namespace forebay::formats
