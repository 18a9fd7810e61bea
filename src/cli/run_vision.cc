#include "cli/run_vision.h"

#include <fmt/format.h>

#include <vector>

#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/run_outputs.h"
#include "tensors/array_json.h"
#include "tensors/image.h"
#include "tensors/vision_drawing.h"
#include "tensors/vision_json.h"

namespace forebay::cli {

namespace {

using tensors::VisionAnswer;
using tensors::VisionTask;
using Rows = std::vector<std::vector<std::string>>;

std::string shown(const std::string& label, std::size_t index) { return label.empty() ? fmt::format("{}", index) : harmless(label); }

std::string text_of(const VisionAnswer& answer) {
  Rows rows;
  for (const auto& [index, label, score] : answer.classes) rows.push_back({shown(label, index), fmt::format("{:.4f}", score)});
  for (const auto& found : answer.detections) {
    rows.push_back({shown(found.label, found.index), fmt::format("{:.4f}", found.score),
                    fmt::format("{:.0f},{:.0f} to {:.0f},{:.0f}", found.box.left, found.box.top, found.box.right, found.box.bottom)});
  }
  for (const auto& [index, label, share] : answer.pixel_classes)
    rows.push_back({shown(label, index), fmt::format("{:.1f} %", share * 100)});
  if (const auto& anomaly = answer.anomaly)
    rows.push_back({anomaly->is_anomaly ? "anomaly" : "normal", fmt::format("{:.4f}", anomaly->score)});
  return rows.empty() ? "nothing found\n" : aligned(rows);
}

std::string csv_of(const VisionAnswer& answer) {
  std::string out = "label,index,score,left,top,right,bottom\n";
  for (const auto& found : answer.detections) {
    std::string label = shown(found.label, found.index);
    for (std::size_t at = 0; (at = label.find('"', at)) != std::string::npos; at += 2) label.insert(at, 1, '"');
    out += fmt::format("\"{}\",{},{},{},{},{},{}\n", label, found.index, found.score, found.box.left, found.box.top, found.box.right,
                       found.box.bottom);
  }
  return out;
}

Result<std::string> json_of(const VisionAnswer& answer, const tensors::NamedTensors& outputs) {
  TRY_ASSIGN(const auto members, tensors::json_members(answer));
  std::string out = "{";
  for (const auto& [name, value] : members) out += fmt::format("{}\"{}\": {}", out.size() > 1 ? ", " : "", name, value);
  out += fmt::format(", \"image\": {{\"width\": {}, \"height\": {}}}", answer.width, answer.height);
  if (answer.task == VisionTask::kClassification) {
    out += ", \"outputs\": {";
    for (const auto& output : outputs) {
      out += fmt::format("{}{}: ", out.ends_with('{') ? "" : ", ", json_string(output.name));
      TRY(tensors::append_json(out, output.tensor));
    }
    out += "}";
  }
  return out + "}\n";
}

}  // namespace

Result<std::string> render_vision(const SeenPicture& seen, const tensors::NamedTensors& outputs, const formats::ModelDescription& model,
                                  OutputForm form) {
  TRY_ASSIGN(const auto answer, tensors::interpret(outputs, *model.vision, model.vision->thresholds, model.labels, seen.seen));
  const bool has_boxes = answer.task == VisionTask::kDetection || answer.task == VisionTask::kInstances;
  switch (form) {
    case OutputForm::kText:
      if (answer.task == VisionTask::kClassification && !model.labels.empty()) break;  // labels stand beside the numbers
      return text_of(answer);
    case OutputForm::kJson:
      return json_of(answer, outputs);
    case OutputForm::kCsv:
      if (!has_boxes) break;
      return csv_of(answer);
    case OutputForm::kPng: {
      TRY_ASSIGN(const auto image, tensors::drawn(seen.picture, answer));
      return tensors::encode_png(image);
    }
    case OutputForm::kNpy:
      break;
  }
  return render_outputs(outputs, model, form);
}

}  // namespace forebay::cli
