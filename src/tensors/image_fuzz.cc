// Any bytes as an image: no crash; what was decoded makes a model's input, and comes back from PNG as it was.
#include <algorithm>
#include <cstdlib>

#include "tensors/image.h"
#include "tensors/image_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::tensors;
  const ImageLimits limits{.bytes_max = 1 << 20, .pixels_max = 1 << 16, .side_max = 1'024, .jpeg_scans_max = 20};
  const auto image = decode_image(std::as_bytes(std::span(bytes, size)), limits);
  if (!image) return 0;
  for (const ImageResize resize : {ImageResize::kStretch, ImageResize::kLetterbox, ImageResize::kCorner, ImageResize::kCrop}) {
    for (const ImageFilter filter : {ImageFilter::kBilinear, ImageFilter::kLinear, ImageFilter::kBicubic, ImageFilter::kNearest})
      if (!to_input(*image, {.width = 7, .height = 5, .resize = resize, .filter = filter}, DType::kFloat32)) std::abort();
  }
  const auto file = encode_png(*image);
  if (!file) std::abort();
  const auto again = decode_image(std::as_bytes(std::span(*file)), {});
  if (!again || !std::ranges::equal(again->bytes(), image->bytes())) std::abort();
  return 0;
}
