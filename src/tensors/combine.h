// Several models' answers as one.
// Threads: immutable.
#pragma once

#include <span>

#include "base/result.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// Element by element, as float32; `weights` is empty or has a positive one for each part. kTensorShapeMismatch when the shapes differ or
// there is no part, kTensorTypeMismatch for strings.
Result<Tensor> average(std::span<const Tensor> parts, std::span<const float> weights = {});
// The value that most parts have, element by element; of equally many the one that comes first. All parts have one shape and one type,
// strings or numbers. kTensorShapeMismatch, kTensorTypeMismatch.
Result<Tensor> majority(std::span<const Tensor> parts);
// The index of the largest along the last dimension, of equal ones the first, as int64 without that dimension. kTensorShapeMismatch for
// rank 0 or nothing to choose from, kTensorTypeMismatch for strings.
Result<Tensor> argmax(const Tensor& scores);

}  // namespace forebay::tensors
