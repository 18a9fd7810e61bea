#include "cli/inspect_pipeline.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/mapped_file.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "formats/read_model.h"
#include "models/errors.h"
#include "models/repository.h"

namespace forebay::cli {

namespace {

using models::PipelineStepText;
using models::PipelineWhen;
using scheduling::PipelineStepKind;

std::string_view word_of(PipelineStepKind kind) {
  switch (kind) {
    case PipelineStepKind::kModel:
      return "model";
    case PipelineStepKind::kAverage:
      return "average";
    case PipelineStepKind::kVote:
      return "vote";
    case PipelineStepKind::kSoftmax:
      return "softmax";
    case PipelineStepKind::kArgmax:
      return "argmax";
    case PipelineStepKind::kFirstOf:
      return "first_of";
    case PipelineStepKind::kTokenize:
      return "tokenize";
  }
  return "model";
}

const PipelineStepText& text_of(const PipelineView& view, const scheduling::PipelineStep& step) {
  return *std::ranges::find(view.text.steps, step.name, &PipelineStepText::name);
}

std::vector<std::string> names_of(const PipelineView& view, const std::vector<std::size_t>& slots) {
  std::vector<std::string> names;
  for (const std::size_t slot : slots) names.push_back(view.built.values[slot].name);
  return names;
}

std::string equal_text(const std::variant<double, std::string>& value) {
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return json_string(std::get<std::string>(value));
}

std::string condition_text(const PipelineWhen& when) {
  std::string text = "when " + when.value;
  if (!when.equals.empty()) {
    std::vector<std::string> values;
    for (const auto& value : when.equals) values.push_back(equal_text(value));
    text += fmt::format(" is {}", fmt::join(values, " or "));
  }
  if (when.above) text += fmt::format(" is above {}", *when.above);
  if (when.below) text += fmt::format("{} is below {}", when.above ? " and" : "", *when.below);
  return text;
}

std::string doing(const PipelineView& view, const scheduling::PipelineStep& step) {
  const auto& text = text_of(view, step);
  const std::string from = fmt::format("{}", fmt::join(names_of(view, step.inputs), ", "));
  if (step.kind == PipelineStepKind::kModel) return fmt::format("model {} of {}", *text.model, from);
  if (step.kind == PipelineStepKind::kTokenize) return fmt::format("tokenize {} as {} does", from, *text.model);
  if (!step.weights.empty()) return fmt::format("average of {} by {}", from, fmt::join(step.weights, ", "));
  return fmt::format("{} of {}", step.kind == PipelineStepKind::kFirstOf ? "first" : word_of(step.kind), from);
}

std::string spec_text(const formats::TensorSpec& spec) {
  return fmt::format("{} {} {}", spec.name, tensors::name_of(spec.dtype), tensors::to_string(spec.shape));
}

std::string json_list(const std::vector<std::string>& values) { return fmt::format("[{}]", fmt::join(values, ",")); }

std::string json_of(const PipelineWhen& when) {
  std::string json = R"({"value":)" + json_string(when.value);
  if (!when.equals.empty()) {
    std::vector<std::string> values;
    for (const auto& value : when.equals) values.push_back(equal_text(value));
    json += R"(,"equals":)" + json_list(values);
  }
  if (when.above) json += fmt::format(R"(,"above":{})", *when.above);
  if (when.below) json += fmt::format(R"(,"below":{})", *when.below);
  return json + "}";
}

std::string json_of(const PipelineView& view, const scheduling::PipelineStep& step) {
  const auto& text = text_of(view, step);
  std::string json = fmt::format(R"({{"name":{},"does":{})", json_string(step.name), json_string(word_of(step.kind)));
  if (text.model) json += R"(,"model":)" + json_string(*text.model);
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    const auto value = json_string(view.built.values[step.inputs[i]].name);
    const bool named = i < step.input_names.size();
    inputs.push_back(named ? fmt::format(R"({{"name":{},"value":{}}})", json_string(step.input_names[i]), value)
                           : fmt::format(R"({{"value":{}}})", value));
  }
  json += R"(,"inputs":)" + json_list(inputs);
  std::vector<std::string> outputs;
  for (const std::size_t slot : step.outputs) {
    const auto& spec = view.built.values[slot];
    outputs.push_back(fmt::format(R"({{"value":{},"dtype":{},"shape":[{}]}})", json_string(spec.name),
                                  json_string(tensors::name_of(spec.dtype)), fmt::join(spec.shape, ",")));
  }
  json += R"(,"outputs":)" + json_list(outputs);
  if (!step.weights.empty()) json += fmt::format(R"(,"weights":[{}])", fmt::join(step.weights, ","));
  if (text.when) json += R"(,"when":)" + json_of(*text.when);
  return json + "}";
}

}  // namespace

Result<PipelineView> view_pipeline(const std::filesystem::path& path) {
  TRY_ASSIGN(const auto json, read_text_file(path, models::kPipelineBytesMax));
  PipelineView view;
  TRY_ASSIGN(view.text, models::read_pipeline(json));
  const models::ModelsOptions options;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  TRY_ASSIGN(const auto listing, models::list_repository(folder, options.models_max));
  const auto find = [&](const std::string& name) -> Result<formats::ModelDescription> {
    const auto source = std::ranges::find(listing.sources, name, &models::ModelSource::name);
    if (source == listing.sources.end())
      return fail(models::kModelNotFound, "no model named '" + harmless(name) + "' lies beside the pipeline");
    if (models::is_pipeline(source->path)) return fail(models::kModelNotFound, "'" + harmless(name) + "' is a pipeline itself");
    TRY_ASSIGN(auto description, formats::read_model(source->path));
    view.parts[name] = {source->path, description};
    return description;
  };
  TRY_ASSIGN(view.built, models::outline_pipeline(view.text, options.pipelines, find));
  view.built.description.name = models::name_of_file(path);
  view.built.description.file_bytes = json.size();
  return view;
}

std::vector<std::vector<std::string>> step_rows(const PipelineView& view) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& step : view.built.plan.steps) {
    std::vector<std::string> gives;
    for (const std::size_t slot : step.outputs) gives.push_back(spec_text(view.built.values[slot]));
    std::vector<std::string> row = {"step", step.name, harmless(doing(view, step)), harmless(fmt::format("{}", fmt::join(gives, "; ")))};
    if (const auto& when = text_of(view, step).when) row.push_back(harmless(condition_text(*when)));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::vector<std::string>> part_rows(const PipelineView& view) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, part] : view.parts) {
    rows.push_back({"model", name, harmless(part.path.filename().string()), std::string(formats::name_of(part.description.format)),
                    std::string(formats::name_of(part.description.task))});
  }
  return rows;
}

std::string pipeline_json(const PipelineView& view) {
  std::string json = formats::to_json(view.built.description);
  json.erase(json.find_last_not_of("}\n ") + 1);  // its closing brace
  std::vector<std::string> steps;
  for (const auto& step : view.built.plan.steps) steps.push_back(json_of(view, step));
  std::vector<std::string> outputs;
  for (const auto& [name, slot] : view.built.plan.outputs)
    outputs.push_back(fmt::format("{}:{}", json_string(name), json_string(view.built.values[slot].name)));
  std::vector<std::string> parts;
  for (const auto& [name, part] : view.parts) {
    parts.push_back(fmt::format(R"({}:{{"file":{},"format":{},"task":{}}})", json_string(name), json_string(part.path.filename().string()),
                                json_string(formats::name_of(part.description.format)),
                                json_string(formats::name_of(part.description.task))));
  }
  return fmt::format(R"({},"pipeline":{{"steps":{},"outputs":{{{}}},"models":{{{}}}}}}})", json, json_list(steps), fmt::join(outputs, ","),
                     fmt::join(parts, ","));
}

}  // namespace forebay::cli
