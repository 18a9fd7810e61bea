#include "formats/image_processor.h"

#include <fmt/format.h>

#include <cmath>
#include <glaze/glaze.hpp>

#include "base/mapped_file.h"
#include "formats/display_text.h"
#include "formats/errors.h"
#include "formats/vision_reader.h"

namespace forebay::formats {

namespace {

namespace fs = std::filesystem;
using Json = glz::generic_json<glz::num_mode::f64>;
constexpr double kSideMax = 16'384;
constexpr double kTiny = 1e-9;
constexpr double kLarge = 1e9;
constexpr std::size_t kLabelsMax = 100'000;
constexpr std::size_t kLabelBytesMax = 1'000;

std::unexpected<Error> wrong(std::string_view field, std::string_view problem) {
  return fail(Error(kSidecarInvalid, fmt::format("'{}' {}", field, problem)).with_field(std::string(field)));
}

Result<Json> object_of(std::string_view json) {
  if (json.size() > kImageProcessorBytesMax) return wrong("file", fmt::format("has more than {} bytes", kImageProcessorBytesMax));
  Json parsed;
  const std::string text(json);  // the reader wants a closing zero
  if (const auto problem = glz::read_json(parsed, text)) return wrong("file", fmt::format("is no JSON (near byte {})", problem.count));
  if (!parsed.is_object()) return wrong("file", "is no object");
  return parsed;
}

// The member, unless it is missing or null.
const Json* find(const Json& json, std::string_view name) {
  const auto& object = json.get_object();
  const auto found = object.find(std::string(name));
  return found == object.end() || found->second.is_null() ? nullptr : &found->second;
}

Result<bool> flag(const Json& json, std::string_view name, bool otherwise) {
  const Json* value = find(json, name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) return wrong(name, "must be true or false");
  return value->get_boolean();
}

Result<double> number(const Json& value, std::string_view name, double least, double most) {
  if (!value.is_number()) return wrong(name, "must be a number");
  const double read = value.get_number();
  if (!(read >= least && read <= most)) return wrong(name, fmt::format("must be from {} to {}", least, most));
  return read;
}

Result<std::int64_t> side(const Json& value, std::string_view name) {
  TRY_ASSIGN(const double read, number(value, name, 1, kSideMax));
  if (read != std::floor(read)) return wrong(name, "must be a whole number of pixels");
  return static_cast<std::int64_t>(read);
}

// 224, {"height", "width"} or {"shortest_edge"}.
struct Size {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool shortest_edge = false;  // both are it
};
Result<Size> size_of(const Json& value, std::string_view name, bool number_is_edge) {
  if (!value.is_object()) {
    TRY_ASSIGN(const auto edge, side(value, name));
    return Size{edge, edge, number_is_edge};
  }
  const Json* height = find(value, "height");
  const Json* width = find(value, "width");
  if (height != nullptr && width != nullptr) {
    TRY_ASSIGN(const auto high, side(*height, name));
    TRY_ASSIGN(const auto wide, side(*width, name));
    return Size{wide, high, false};
  }
  const Json* edge = find(value, "shortest_edge");
  if (edge == nullptr) return wrong(name, "has neither height and width nor shortest_edge");
  TRY_ASSIGN(const auto shortest, side(*edge, name));
  return Size{shortest, shortest, true};
}

class ProcessorReader {
 public:
  explicit ProcessorReader(const Json& json) : json_(json) { declared_.source = tensors::RecipeSource::kProcessor; }

  Result<VisionSidecar> read() {
    TRY(read_filter());
    TRY(read_sizes());
    TRY(read_numbers());
    TRY_ASSIGN(const bool flip, flag(json_, "do_flip_channel_order", false));
    declared_.channels = flip ? tensors::ImageChannels::kBgr : tensors::ImageChannels::kRgb;
    return std::move(declared_);
  }

 private:
  // Pillow's numbers.
  Result<> read_filter() {
    using tensors::ImageFilter;
    declared_.filter = ImageFilter::kBilinear;
    const Json* value = find(json_, "resample");
    if (value == nullptr) return {};
    TRY_ASSIGN(const double read, number(*value, "resample", 0, 5));
    if (read == 0) declared_.filter = ImageFilter::kNearest;
    if (read == 1 || read == 3) declared_.filter = ImageFilter::kBicubic;
    if (read == 1) declared_.assumed.emplace_back("bicubic is taken for the filter Lanczos");
    if (read == 4 || read == 5) declared_.assumed.emplace_back("bilinear is taken for the filters box and Hamming");
    return {};
  }

  Result<> read_sizes() {
    TRY_ASSIGN(const bool crops, flag(json_, "do_center_crop", false));
    TRY_ASSIGN(const bool resizes, flag(json_, "do_resize", true));
    std::optional<Size> size;
    std::optional<Size> crop;
    if (const Json* value = find(json_, "size"); value != nullptr && resizes) {
      TRY_ASSIGN(size, size_of(*value, "size", crops || find(json_, "crop_pct") != nullptr));
    }
    if (const Json* value = find(json_, "crop_size"); value != nullptr && crops) {
      TRY_ASSIGN(crop, size_of(*value, "crop_size", false));
    }
    if (crops && !size) return wrong("do_center_crop", "cuts without resizing first, which is not possible here");
    if (!size) return {};  // the model's own sides
    if (!crop) crop = crops ? size : std::nullopt;
    if (!crop) return resize(*size);
    return resize_and_cut(*size, *crop);
  }

  Result<> resize(const Size& size) {
    declared_.width = size.width;
    declared_.height = size.height;
    declared_.resize = tensors::ImageResize::kStretch;
    if (!size.shortest_edge) return {};
    // ConvNeXT: below 384 pixels a larger picture is cut.
    constexpr std::int64_t kConvNextUncut = 384;
    if (const Json* value = find(json_, "crop_pct"); value != nullptr && size.width < kConvNextUncut) {
      TRY_ASSIGN(const double share, number(*value, "crop_pct", 0.01, 1));
      declared_.resize = tensors::ImageResize::kCrop;
      declared_.crop_share = static_cast<float>(share);
      return {};
    }
    if (find(json_, "crop_pct") == nullptr)
      declared_.assumed.push_back(
          fmt::format("pictures are stretched to {0}x{0}; their processor keeps the ratio of their sides", size.width));
    return {};
  }

  Result<> resize_and_cut(const Size& size, const Size& crop) {
    if (crop.width > size.width || crop.height > size.height) return wrong("crop_size", "is larger than the size before it");
    declared_.width = crop.width;
    declared_.height = crop.height;
    declared_.resize = size.shortest_edge ? tensors::ImageResize::kCrop : tensors::ImageResize::kStretch;
    const auto share = static_cast<float>(crop.width) / static_cast<float>(size.width);
    // A share is one number for both sides; of the shortest edge, for the shorter one.
    const bool one_share = size.shortest_edge ? crop.width == crop.height : crop.width * size.height == crop.height * size.width;
    if (!one_share) return wrong("crop_size", "has another ratio of its sides than the size before it");
    declared_.crop_share = share;
    return {};
  }

  Result<> read_numbers() {
    TRY_ASSIGN(const bool rescales, flag(json_, "do_rescale", true));
    double factor = 1.0 / 255;
    if (const Json* value = find(json_, "rescale_factor")) {
      TRY_ASSIGN(factor, number(*value, "rescale_factor", kTiny, kLarge));
    }
    declared_.scale = rescales ? static_cast<float>(factor) : 1.0F;
    TRY_ASSIGN(const bool normalises, flag(json_, "do_normalize", find(json_, "image_mean") != nullptr));
    if (!normalises) return {};
    TRY(read_channels("image_mean", -kLarge, declared_.mean));
    TRY(read_channels("image_std", kTiny, declared_.deviation));
    if (!declared_.mean || !declared_.deviation) return wrong("do_normalize", "needs image_mean and image_std");
    return {};
  }

  // One number for all channels, or a list with one for each.
  Result<> read_channels(std::string_view name, double least, std::optional<std::vector<float>>& into) {
    const Json* value = find(json_, name);
    if (value == nullptr) return {};
    std::vector<float> read;
    if (value->is_array() && (value->get_array().empty() || value->get_array().size() > 3)) return wrong(name, "has not 1 to 3 numbers");
    const auto take = [&](const Json& one) -> Result<> {
      TRY_ASSIGN(const double taken, number(one, name, least, kLarge));
      read.push_back(static_cast<float>(taken));
      return {};
    };
    if (!value->is_array()) TRY(take(*value));
    if (value->is_array()) {
      for (const Json& one : value->get_array()) TRY(take(one));
    }
    into = std::move(read);
    return {};
  }

  const Json& json_;
  VisionSidecar declared_;
};

std::optional<tensors::VisionTask> task_of(const Json& json) {
  const Json* names = find(json, "architectures");
  if (names == nullptr || !names->is_array() || names->get_array().empty() || !names->get_array().front().is_string()) return std::nullopt;
  const std::string& name = names->get_array().front().get_string();
  if (name.ends_with("ForImageClassification")) return tensors::VisionTask::kClassification;
  if (name.ends_with("ForSemanticSegmentation")) return tensors::VisionTask::kSegmentation;
  return std::nullopt;
}

// The file's text where it lies beside the model or above its folder "onnx"; nothing when it does not.
Result<std::optional<std::string>> text_beside(const fs::path& model_file, const char* name) {
  const fs::path folder = model_file.has_parent_path() ? model_file.parent_path() : fs::path(".");
  for (const fs::path& place : {folder / name, folder / ".." / name}) {
    std::error_code problem;
    const bool above = place != folder / name;
    if ((above && folder.filename() != "onnx") || !fs::is_regular_file(place, problem)) continue;
    TRY_ASSIGN(auto text, read_text_file(place, kImageProcessorBytesMax));
    return text;
  }
  return std::nullopt;
}

class Beside {
 public:
  Beside(ModelDescription& description, const fs::path& model_file) : description_(description), model_file_(model_file) {}

  Result<> describe() {
    auto processor = read("preprocessor_config.json", read_image_processor);
    const auto config = read("config.json", read_image_model_config);
    if (processor && config) processor->task = config->task;
    if (processor && !describe_with(*processor)) processor.reset();
    if (!processor) TRY(describe_vision(description_, std::nullopt));
    if (config) take_labels(config->labels);
    return {};
  }

 private:
  // Nothing, with a warning if it is there and cannot be read.
  template <class T>
  std::optional<T> read(const char* name, Result<T> (*parse)(std::string_view json)) {
    const auto text = text_beside(model_file_, name);
    if (text && !*text) return std::nullopt;
    auto read = text ? parse(**text) : Result<T>(std::unexpected(text.error()));
    if (read) return *std::move(read);
    warn(name, read.error());
    return std::nullopt;
  }
  void warn(std::string_view name, const Error& problem) {
    description_.warnings.push_back({"side_file_ignored", fmt::format("{} beside the model is not followed: {}", name, problem.message())});
  }

  bool describe_with(const VisionSidecar& processor) {
    const auto done = describe_vision(description_, processor);
    if (!done) warn("preprocessor_config.json", done.error());
    return done.has_value();
  }

  // Only where every class has one: the file may belong to another model of the folder.
  void take_labels(const std::vector<std::string>& labels) {
    using tensors::VisionTask;
    if (!description_.vision || !description_.labels.empty() || labels.empty()) return;
    const auto& vision = *description_.vision;
    const auto output = std::ranges::find(description_.outputs, vision.output, &TensorSpec::name);
    if (output == description_.outputs.end() || output->shape.size() < 2) return;
    const bool classifies = vision.task == VisionTask::kClassification;
    if (!classifies && vision.task != VisionTask::kSegmentation) return;
    const std::int64_t classes = classifies ? output->shape.back() : output->shape[output->shape.size() == 4 ? 1 : 0];
    if (classes == static_cast<std::int64_t>(labels.size()) || classes < 0) description_.labels = labels;
  }

  ModelDescription& description_;
  const fs::path& model_file_;
};

}  // namespace

Result<VisionSidecar> read_image_processor(std::string_view json) {
  TRY_ASSIGN(const auto parsed, object_of(json));
  return ProcessorReader(parsed).read();
}

Result<ImageModelConfig> read_image_model_config(std::string_view json) {
  TRY_ASSIGN(const auto parsed, object_of(json));
  ImageModelConfig config{.task = task_of(parsed), .labels = {}};
  const Json* names = find(parsed, "id2label");
  if (names == nullptr) return config;
  if (!names->is_object() || names->get_object().size() > kLabelsMax) return wrong("id2label", "must be an object of names by number");
  for (std::size_t i = 0; i < names->get_object().size(); ++i) {
    const Json* name = find(*names, std::to_string(i));
    if (name == nullptr || !name->is_string()) return wrong("id2label", fmt::format("has no name for {}", i));
    config.labels.push_back(shortened(name->get_string(), kLabelBytesMax));
  }
  return config;
}

Result<> describe_vision_beside(ModelDescription& description, const fs::path& model_file) {
  if (description.text) return describe_vision(description, std::nullopt);
  return Beside(description, model_file).describe();
}

}  // namespace forebay::formats
