// What a model sees, drawn onto the picture: boxes with labels, masks, maps.
// Threads: immutable.
#pragma once

#include "base/result.h"
#include "tensors/tensor.h"
#include "tensors/vision.h"

namespace forebay::tensors {

// RGB [height, width, 3] from a decoded picture of 1, 3 or 4 channels and the answer for it. Characters beyond ASCII become '?'.
// kTensorShapeMismatch when the answer is for a picture of another size.
Result<Tensor> drawn(const Tensor& picture, const VisionAnswer& answer);

}  // namespace forebay::tensors
