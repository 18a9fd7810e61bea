// A picture file as the input of a model: where its sides stand in the input's shape, which range the pixels have, and the steps between.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "tensors/image_input.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// Where the sides and channels of a picture stand in a shape.
struct PicturePlaces {
  std::size_t height = 0;
  std::size_t width = 0;
  std::optional<std::size_t> channels;  // of size 1 or 3; none: grey
};
// Of [h,w], [c,h,w], [h,w,c], [batch,h,w], [batch,c,h,w] and [batch,h,w,c] with c of 1 or 3; nothing for other shapes.
std::optional<PicturePlaces> picture_places(const Shape& shape);
// A picture may be meant by an input of this shape and type. Two dimensions of which the first is free are rows of a table, not a picture.
bool takes_picture(const Shape& shape, DType dtype);

struct PixelRange {
  double low = 0;
  double high = 255;
};
// What the model's metadata says under `input_range` or `value_range`, as "0,16"; 0 to 255 when it says nothing that makes sense.
PixelRange stated_pixel_range(const std::map<std::string, std::string>& metadata);

// Pixels spread over the range, with the picture stretched to the sides of the input and nothing else; free sides take the picture's own.
ImagePreprocessing steps_for(const PixelRange& range);

// Decodes JPEG, PNG or WebP, stretches it to the input's height and width (free sides take the picture's own, other free dimensions are 1)
// and spreads 0..255 over the range. The codes of decode_image and to_input; kTensorShapeMismatch when the input takes no picture.
Result<Tensor> tensor_of_picture(std::span<const std::byte> file, const Shape& shape, DType dtype, const PixelRange& range);

}  // namespace forebay::tensors
