#include "formats/series_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "formats/errors.h"

namespace forebay::formats {

namespace {

using tensors::DType;

std::unexpected<Error> wrong(const std::string& field, std::string problem) {
  return fail(Error(kSidecarInvalid, fmt::format("'{}' {}", field, problem)).with_field(field));
}

bool is_number(DType dtype) { return dtype != DType::kString && dtype != DType::kBool; }
bool is_integer(DType dtype) {
  return is_number(dtype) && dtype != DType::kFloat16 && dtype != DType::kBfloat16 && dtype != DType::kFloat32 && dtype != DType::kFloat64;
}

Result<tensors::SeriesRecipe> series_of(const ModelDescription& model, tensors::SeriesRecipe recipe) {
  const auto takes = [&](const TensorSpec& spec) {
    const bool meant = recipe.input.empty() || spec.name == recipe.input;
    return meant && (spec.shape.size() == 2 || spec.shape.size() == 3) && spec.shape[0] < 0 && is_number(spec.dtype);
  };
  const auto input = std::ranges::find_if(model.inputs, takes);
  if (input == model.inputs.end())
    return wrong("series.input", "is no input of numbers [batch, steps] or [batch, steps, columns] with a free batch");
  recipe.input = input->name;
  if (recipe.columns_first && input->shape.size() == 2) return wrong("series.layout", "needs an input with columns");
  const std::int64_t steps = input->shape[recipe.columns_first ? 2 : 1];
  if (recipe.window == 0) recipe.window = std::max<std::int64_t>(steps, 0);
  if (recipe.window == 0) return wrong("series.window", "is missing: the model takes windows of any length");
  if (steps >= 0 && recipe.window != steps)
    return wrong("series.window", fmt::format("contradicts the model's windows of {} steps", steps));
  if (recipe.stride == 0) recipe.stride = recipe.window;
  const std::int64_t columns = input->shape.size() == 2 ? 1 : input->shape[recipe.columns_first ? 1 : 2];
  for (const auto* values : {&recipe.mean, &recipe.deviation}) {
    if (values->size() <= 1 || columns < 0 || std::ssize(*values) == columns) continue;
    return wrong(values == &recipe.mean ? "series.mean" : "series.std",
                 fmt::format("has {} numbers for {} columns", values->size(), columns));
  }
  return recipe;
}

Result<tensors::RankingRecipe> ranking_of(const ModelDescription& model, tensors::RankingRecipe recipe) {
  const auto scores = [&](const TensorSpec& spec) {
    return (recipe.output.empty() || spec.name == recipe.output) && spec.shape.size() == 2 && is_number(spec.dtype);
  };
  const auto output = std::ranges::find_if(model.outputs, scores);
  if (output == model.outputs.end()) return wrong("ranking.output", "is no output of numbers [batch, items]");
  recipe.output = output->name;
  if (!model.labels.empty() && output->shape[1] >= 0 && output->shape[1] != std::ssize(model.labels))
    return wrong("labels", fmt::format("are {} for {} items", model.labels.size(), output->shape[1]));
  if (recipe.exclude.empty()) return recipe;
  const auto ids = [&](const TensorSpec& spec) { return spec.name == recipe.exclude && spec.shape.size() == 2 && is_integer(spec.dtype); };
  if (std::ranges::none_of(model.inputs, ids)) return wrong("ranking.exclude", "is no input of integers [batch, ids]");
  return recipe;
}

}  // namespace

Result<> describe_series(ModelDescription& description, const VisionSidecar& sidecar) {
  if (sidecar.labels) description.labels = *sidecar.labels;
  if (sidecar.series) {
    TRY_ASSIGN(description.series, series_of(description, *sidecar.series));
  }
  if (sidecar.ranking) {
    TRY_ASSIGN(description.ranking, ranking_of(description, *sidecar.ranking));
  }
  return {};
}

}  // namespace forebay::formats
