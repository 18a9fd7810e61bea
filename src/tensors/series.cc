#include "tensors/series.h"

#include <fmt/format.h>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

Result<> check(const Tensor& series, const SeriesRecipe& recipe, const Shape& shape) {
  const bool has_columns = shape.size() == 3;
  if (series.shape().empty() || series.shape().size() > 2)
    return fail(kTensorShapeMismatch, fmt::format("a series is [steps] or [steps, columns], not {}", to_string(series.shape())));
  const std::int64_t steps = series.shape()[0];
  const std::int64_t columns = series.shape().size() == 2 ? series.shape()[1] : 1;
  if (steps < recipe.window) return fail(kTensorShapeMismatch, fmt::format("{} steps; a window has {}", steps, recipe.window));
  const std::int64_t wanted = has_columns ? series_shape(recipe, shape)[1] : 1;
  if (columns == 0 || (wanted >= 0 && columns != wanted))
    return fail(kTensorShapeMismatch, fmt::format("{} columns; the model takes {}", columns, wanted));
  const auto fits = [&](const std::vector<float>& values) { return values.size() <= 1 || std::ssize(values) == columns; };
  if (!fits(recipe.mean) || !fits(recipe.deviation))
    return fail(kPreprocessingInvalid,
                fmt::format("{} means and {} deviations for {} columns", recipe.mean.size(), recipe.deviation.size(), columns));
  return {};
}

float of_column(const std::vector<float>& values, std::size_t column, float otherwise) {
  return values.empty() ? otherwise : values[values.size() == 1 ? 0 : column];
}

}  // namespace

Shape series_shape(const SeriesRecipe& recipe, const Shape& input) {
  return input.size() == 3 ? Shape{-1, input[recipe.columns_first ? 1 : 2]} : Shape{-1};
}

Result<SeriesWindows> cut_series(const Tensor& series, const SeriesRecipe& recipe, const Shape& shape, DType dtype) {
  TRY(check(series, recipe, shape));
  TRY_ASSIGN(const Tensor numbers, series.converted_to(DType::kFloat32));
  const auto columns = static_cast<std::size_t>(series.shape().size() == 2 ? series.shape()[1] : 1);
  const auto window = static_cast<std::size_t>(recipe.window);
  const auto count = static_cast<std::size_t>((series.shape()[0] - recipe.window) / recipe.stride + 1);
  if (count > kSeriesElementsMax / window / columns)
    return fail(kTensorTooLarge, fmt::format("{} windows of {} steps; at most {} values at once", count, window, kSeriesElementsMax));
  const auto length = static_cast<std::int64_t>(window);
  const auto width = static_cast<std::int64_t>(columns);
  Shape made = {static_cast<std::int64_t>(count), length};
  if (shape.size() == 3) made = recipe.columns_first ? Shape{made[0], width, length} : Shape{made[0], length, width};
  SeriesWindows cut{.tensor = Tensor::zeros(DType::kFloat32, made), .starts = {}};
  auto* out = reinterpret_cast<float*>(cut.tensor.mutable_bytes().data());
  for (std::size_t w = 0; w < count; ++w) {
    const std::size_t start = w * static_cast<std::size_t>(recipe.stride);
    cut.starts.push_back(static_cast<std::int64_t>(start));
    for (std::size_t step = 0; step < window; ++step) {
      for (std::size_t column = 0; column < columns; ++column) {
        const float value = numbers.values<float>()[(start + step) * columns + column];
        const std::size_t place = recipe.columns_first ? column * window + step : step * columns + column;
        out[w * window * columns + place] = (value - of_column(recipe.mean, column, 0)) / of_column(recipe.deviation, column, 1);
      }
    }
  }
  TRY_ASSIGN(cut.tensor, cut.tensor.converted_to(dtype));
  return cut;
}

}  // namespace forebay::tensors
