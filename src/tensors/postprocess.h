// Scores of a classifier as probabilities and as labels.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// Along the last dimension, as float32 of the same shape; the largest score is taken off first, so that nothing overflows.
// kTensorShapeMismatch for rank 0, kTensorTypeMismatch for strings.
Result<Tensor> softmax(const Tensor& scores);

struct RankedLabel {
  std::size_t index = 0;  // the class
  std::string label;      // empty without labels
  float score = 0;
  bool operator==(const RankedLabel&) const = default;
};
// The k best classes, the best first; of equal ones the first, NaN last.
using Ranking = std::vector<RankedLabel>;

// One ranking for each element of the first dimension (rank 1: one in all). `labels` is empty or names every class
// (kTensorShapeMismatch).
Result<std::vector<Ranking>> top_k(const Tensor& scores, std::size_t k, std::span<const std::string> labels);

}  // namespace forebay::tensors
