// The one translation unit of this room that knows JSON.
#include <fmt/format.h>

#include <algorithm>
#include <glaze/glaze.hpp>

#include "formats/errors.h"
#include "formats/read_model.h"

template <>
struct glz::meta<forebay::formats::Format> {
  using enum forebay::formats::Format;
  static constexpr auto value = glz::enumerate("unknown", kUnknown, "gguf", kGguf, "onnx", kOnnx, "pipeline", kPipeline);
};

template <>
struct glz::meta<forebay::formats::Task> {
  using enum forebay::formats::Task;
  static constexpr auto value = glz::enumerate("tensors", kTensors, "text-generation", kTextGeneration, "embedding", kEmbedding,
                                               "reranking", kReranking, "classification", kClassification);
};

template <>
struct glz::meta<forebay::tensors::DType> {
  using enum forebay::tensors::DType;
  static constexpr auto value = glz::enumerate("bool", kBool, "uint8", kUint8, "uint16", kUint16, "uint32", kUint32, "uint64", kUint64,
                                               "int8", kInt8, "int16", kInt16, "int32", kInt32, "int64", kInt64, "float16", kFloat16,
                                               "bfloat16", kBfloat16, "float32", kFloat32, "float64", kFloat64, "string", kString);
};

template <>
struct glz::meta<forebay::tensors::VisionTask> {
  using enum forebay::tensors::VisionTask;
  static constexpr auto value = glz::enumerate("tensors", kTensors, "classification", kClassification, "detection", kDetection, "instances",
                                               kInstances, "segmentation", kSegmentation, "anomaly", kAnomaly);
};
template <>
struct glz::meta<forebay::tensors::BoxHead> {
  using enum forebay::tensors::BoxHead;
  static constexpr auto value = glz::enumerate("yolov8", kYoloV8, "yolov5", kYoloV5, "yolox", kYolox, "final", kFinal);
};
template <>
struct glz::meta<forebay::tensors::ScoreKind> {
  using enum forebay::tensors::ScoreKind;
  static constexpr auto value = glz::enumerate("auto", kUnknown, "probabilities", kProbabilities, "logits", kLogits);
};
template <>
struct glz::meta<forebay::tensors::RecipeSource> {
  using enum forebay::tensors::RecipeSource;
  static constexpr auto value =
      glz::enumerate("shapes", kShapes, "metadata", kMetadata, "sidecar", kSidecar, "image_processor", kProcessor);
};
template <>
struct glz::meta<forebay::tensors::ImageResize> {
  using enum forebay::tensors::ImageResize;
  static constexpr auto value = glz::enumerate("stretch", kStretch, "letterbox", kLetterbox, "corner", kCorner, "crop", kCrop);
};
template <>
struct glz::meta<forebay::tensors::ImageFilter> {
  using enum forebay::tensors::ImageFilter;
  static constexpr auto value = glz::enumerate("bilinear", kBilinear, "linear", kLinear, "bicubic", kBicubic, "nearest", kNearest);
};
template <>
struct glz::meta<forebay::tensors::ImageChannels> {
  using enum forebay::tensors::ImageChannels;
  static constexpr auto value = glz::enumerate("grey", kGrey, "rgb", kRgb, "bgr", kBgr);
};
template <>
struct glz::meta<forebay::tensors::ImageLayout> {
  using enum forebay::tensors::ImageLayout;
  static constexpr auto value = glz::enumerate("nchw", kNchw, "nhwc", kNhwc);
};

namespace forebay::formats {

namespace {
// Text out of a stranger's file may hold any character.
struct Written : glz::opts {
  bool escape_control_characters = true;
};

bool is_sound(const TensorSpec& spec) { return spec.shape.size() == spec.dimension_names.size(); }
}  // namespace

std::string to_json(const ModelDescription& description) {
  std::string json;
  // Writing plain data to a string cannot fail.
  if (glz::write<Written{{.prettify = true}}>(description, json)) return "{}";
  return json;
}

Result<ModelDescription> description_from_json(std::string_view json) {
  ModelDescription description;
  const std::string text(json);  // The reader wants a closing zero.
  if (const auto problem = glz::read_json(description, text)) {
    return fail(kDescriptionMalformed, fmt::format("the JSON is not a model description (near byte {})", problem.count));
  }
  if (!std::ranges::all_of(description.inputs, is_sound) || !std::ranges::all_of(description.outputs, is_sound)) {
    return fail(kDescriptionMalformed, "an input or output has more or fewer dimension names than dimensions");
  }
  return description;
}

}  // namespace forebay::formats
