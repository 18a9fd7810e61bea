// Pictures to the tensor a model takes, and back.
// Threads: no state.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"
#include "tensors/vision.h"

namespace forebay::cli {

// The picture that an input was made of, for what is drawn onto it.
struct SeenPicture {
  tensors::Tensor picture;  // uint8 [height, width, channels]
  tensors::Seen seen;
};

// Decodes JPEG, PNG or WebP and makes it the input: by the model's recipe for pictures, and `seen` is set then; for another input stretched
// to its height and width, with 0..255 brought to the range the model states in its metadata. kInputShape when the input is not that of a
// picture.
Result<tensors::Tensor> tensor_from_image(std::span<const std::byte> file, const formats::ModelDescription& model,
                                          const formats::TensorSpec& spec, std::optional<SeenPicture>& seen);
// A picture of [1,c,h,w], [1,h,w,c], [c,h,w], [h,w,c] or [h,w] as PNG. Bytes are taken as they are; other numbers as 0..1 when none is
// larger, else as 0..255. kOutputFormat when the tensor is no picture.
Result<std::string> png_of(const tensors::Tensor& tensor);

}  // namespace forebay::cli
