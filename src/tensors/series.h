// A long series cut into the windows that a model takes.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// How a model takes series. Plain data, made by formats from a sidecar.
struct SeriesRecipe {
  std::string input;        // [batch, window], [batch, window, columns] or [batch, columns, window]
  std::int64_t window = 0;  // steps
  std::int64_t stride = 0;  // from the start of a window to the start of the next
  bool columns_first = false;
  std::vector<float> mean;  // value = (value - mean) / deviation; none, one for all columns, or one for each
  std::vector<float> deviation;
};

struct SeriesWindows {
  Tensor tensor;                     // [windows, …] as the input wants it
  std::vector<std::int64_t> starts;  // the first step of each
};
// The shape of the whole series for an input of this shape: [-1], or [-1, columns]; -1 is free.
Shape series_shape(const SeriesRecipe& recipe, const Shape& input);
inline constexpr std::size_t kSeriesElementsMax = std::size_t{64} << 20;  // of all windows together

// `series` is [steps] or [steps, columns]; `shape` the input's, which is free in its first dimension. Windows begin at 0, stride, 2 *
// stride … as long as they are complete: what is left behind the last one is not used. kTensorShapeMismatch (fewer steps than a window,
// other columns), kTensorTooLarge, kPreprocessingInvalid (as many means as no columns), and the codes of Tensor::converted_to.
Result<SeriesWindows> cut_series(const Tensor& series, const SeriesRecipe& recipe, const Shape& shape, DType dtype);

}  // namespace forebay::tensors
