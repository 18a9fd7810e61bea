#include "tensors/vision_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/base64.h"
#include "tensors/json_string.h"

namespace forebay::tensors {

namespace {

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// JSON has no word for what is no number.
std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", static_cast<float>(value)) : "null"; }

std::string name_and_index(const std::string& label, std::size_t index) {
  return fmt::format(R"("label":{},"index":{})", json_text(label.empty() ? fmt::format("{}", index) : label), index);
}

template <class T, class Write>
std::string list_of(const std::vector<T>& items, Write write) {
  std::string out = "[";
  for (const T& item : items) out += (out.size() > 1 ? "," : "") + write(item);
  return out + "]";
}

std::string json_of(const Detection& found) {
  std::string out = fmt::format(R"({{{},"score":{},"box":[{},{},{},{}])", name_and_index(found.label, found.index), number(found.score),
                                number(found.box.left), number(found.box.top), number(found.box.right), number(found.box.bottom));
  if (found.mask) {
    out += fmt::format(R"(,"mask":{{"size":[{},{}],"counts":)", found.mask->height, found.mask->width);
    out += list_of(found.mask->counts, [](std::uint32_t count) { return fmt::format("{}", count); }) + "}";
  }
  return out + "}";
}

Result<std::string> png_text(const Tensor& grey) {
  TRY_ASSIGN(const std::string file, encode_png(grey));
  return json_text(encode_base64(std::as_bytes(std::span(file))));
}

Result<std::string> json_of(const Anomaly& anomaly) {
  std::string out = fmt::format(R"({{"score":{},"is_anomaly":{})", number(anomaly.score), anomaly.is_anomaly);
  if (anomaly.heat_map) {
    const auto values = anomaly.heat_map->values<float>();
    const auto [least, most] = std::ranges::minmax(values);
    const double range = most > least ? double{most} - double{least} : 1;
    Tensor grey = Tensor::zeros(DType::kUint8, anomaly.heat_map->shape());
    const auto bytes = grey.mutable_bytes();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double share = (double{values[i]} - double{least}) / range;
      bytes[i] = static_cast<std::byte>(std::isfinite(share) ? std::lround(std::clamp(share, 0.0, 1.0) * 255) : 0);
    }
    TRY_ASSIGN(const std::string png, png_text(grey));
    out += fmt::format(R"(,"heat_map":{{"least":{},"most":{},"png":{}}})", number(least), number(most), png);
  }
  return out + "}";
}

}  // namespace

Result<std::vector<std::pair<std::string_view, std::string>>> json_members(const VisionAnswer& answer) {
  std::vector<std::pair<std::string_view, std::string>> members;
  if (answer.task == VisionTask::kTensors) return members;
  members.emplace_back("task", json_text(name_of(answer.task)));
  switch (answer.task) {
    case VisionTask::kTensors:
      break;
    case VisionTask::kClassification:
      members.emplace_back("classes", list_of(answer.classes, [](const RankedLabel& ranked) {
                             return fmt::format(R"({{{},"score":{}}})", name_and_index(ranked.label, ranked.index), number(ranked.score));
                           }));
      break;
    case VisionTask::kDetection:
    case VisionTask::kInstances:
      members.emplace_back("detections", list_of(answer.detections, [](const Detection& found) { return json_of(found); }));
      break;
    case VisionTask::kSegmentation: {
      TRY_ASSIGN(const std::string png, png_text(*answer.class_map));
      const auto classes = list_of(answer.pixel_classes, [](const PixelClass& one) {
        return fmt::format(R"({{{},"share":{}}})", name_and_index(one.label, one.index), number(one.share));
      });
      members.emplace_back("segmentation", fmt::format(R"({{"classes":{},"png":{}}})", classes, png));
      break;
    }
    case VisionTask::kAnomaly: {
      TRY_ASSIGN(auto json, json_of(*answer.anomaly));
      members.emplace_back("anomaly", std::move(json));
      break;
    }
  }
  return members;
}

}  // namespace forebay::tensors
