#include "http/predict/picture_request.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/base64.h"
#include "http/errors.h"

namespace forebay::http::predict {

namespace {

constexpr double kScoreMost = 1e9;
constexpr double kCountMost = 10'000;

std::unexpected<Error> wrong(const std::string& name, std::string_view problem) {
  return fail(Error(kFieldRange, fmt::format("'{}' {}", name, problem)).with_field(name));
}

template <class T>
Result<> read_number(const std::string& name, const std::string& text, double least, double most, std::optional<T>& into) {
  if (text.empty()) return {};
  double read = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), read);
  const bool whole = !std::is_integral_v<T> || read == std::floor(read);
  if (problem != std::errc() || end != text.data() + text.size() || !(read >= least && read <= most) || !whole)
    return wrong(name, fmt::format("must be a {} from {} to {}", std::is_integral_v<T> ? "whole number" : "number", least, most));
  into = static_cast<T>(read);
  return {};
}

}  // namespace

Result<PictureFields> read_picture_fields(const std::function<std::string(const std::string& name)>& text_of) {
  PictureFields fields;
  fields.model = text_of("model");
  fields.version = text_of("version");
  TRY_ASSIGN(fields.urgency, read_urgency(text_of(std::string(kPriorityField)), text_of(std::string(kTimeoutField))));
  const std::string raw = text_of("raw");
  if (!raw.empty() && raw != "true" && raw != "false") return wrong("raw", "must be true or false");
  if (!raw.empty()) fields.raw = raw == "true";
  TRY(read_number("score_min", text_of("score_min"), -kScoreMost, kScoreMost, fields.score_min));
  TRY(read_number("overlap_max", text_of("overlap_max"), 0, 1, fields.overlap_max));
  TRY(read_number("detections_max", text_of("detections_max"), 1, kCountMost, fields.detections_max));
  TRY(read_number("top_k", text_of("top_k"), 1, kCountMost, fields.classes_max));
  return fields;
}

Result<std::vector<std::byte>> read_base64_picture(const JsonValue& value) {
  TRY_ASSIGN(const std::string text, value.string());
  std::string_view encoded = text;
  if (encoded.starts_with("data:")) {
    const auto comma = encoded.find(";base64,");
    if (comma == std::string_view::npos) return fail(Error(kImageNotBase64, "the data URL is not base64").with_field(value.path()));
    encoded.remove_prefix(comma + std::string_view(";base64,").size());
  }
  auto bytes = decode_base64(encoded);
  if (!bytes) return fail(Error(kImageNotBase64, fmt::format("'{}' is not base64", value.path())).with_field(value.path()));
  return *std::move(bytes);
}

Result<PictureFields> read_picture_fields(const JsonObject& object) {
  PictureFields fields;
  TRY_ASSIGN(fields.model, object.string_or("model", ""));
  TRY_ASSIGN(fields.version, object.string_or("version", ""));
  TRY_ASSIGN(fields.urgency, read_urgency(object));
  if (const auto raw = object.find("raw")) {
    TRY_ASSIGN(fields.raw, raw->boolean());
  }
  if (const auto value = object.find("score_min")) {
    TRY_ASSIGN(fields.score_min, value->number(-kScoreMost, kScoreMost));
  }
  if (const auto value = object.find("overlap_max")) {
    TRY_ASSIGN(fields.overlap_max, value->number(0, 1));
  }
  if (const auto value = object.find("detections_max")) {
    TRY_ASSIGN(fields.detections_max, value->integer(1, static_cast<std::int64_t>(kCountMost)));
  }
  if (const auto value = object.find("top_k")) {
    TRY_ASSIGN(fields.classes_max, value->integer(1, static_cast<std::int64_t>(kCountMost)));
  }
  return fields;
}

Result<PictureBody> read_picture_body(std::string_view text, const JsonLimits& limits) {
  TRY_ASSIGN(const auto object, JsonObject::parse(text, limits));
  std::vector<std::string_view> known(std::begin(kPictureFields), std::end(kPictureFields));
  known.emplace_back("image");
  TRY(object.only(known));
  PictureBody body;
  TRY_ASSIGN(const auto image, object.need("image"));
  TRY_ASSIGN(body.picture, read_base64_picture(image));
  TRY_ASSIGN(body.fields, read_picture_fields(object));
  return body;
}

tensors::VisionThresholds thresholds_of(const tensors::VisionRecipe& recipe, const PictureFields& fields) {
  auto thresholds = recipe.thresholds;
  thresholds.score_min = fields.score_min.value_or(thresholds.score_min);
  thresholds.overlap_max = fields.overlap_max.value_or(thresholds.overlap_max);
  thresholds.detections_max = fields.detections_max.value_or(thresholds.detections_max);
  thresholds.classes_max = fields.classes_max.value_or(thresholds.classes_max);
  return thresholds;
}

}  // namespace forebay::http::predict
