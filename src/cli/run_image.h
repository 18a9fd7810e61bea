// Pictures to the tensor a model takes, and back.
// Threads: no state.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::cli {

// Decodes JPEG, PNG or WebP, resizes it to the height and width of the input ([b,c,h,w], [b,h,w,c] or [h,w]; c is 1 or 3; free sizes take
// the picture's own), and brings 0..255 to the range the model states in its metadata (`input_range` or `value_range`: "0,16"), if it
// states one. kInputShape when the input is not that of a picture.
Result<tensors::Tensor> tensor_from_image(std::span<const std::byte> file, const formats::ModelDescription& model,
                                          const formats::TensorSpec& spec);
// A picture of [1,c,h,w], [1,h,w,c], [c,h,w], [h,w,c] or [h,w] as PNG. Bytes are taken as they are; other numbers as 0..1 when none is
// larger, else as 0..255. kOutputFormat when the tensor is no picture.
Result<std::string> png_of(const tensors::Tensor& tensor);

}  // namespace forebay::cli
