// Any bytes as a file of each format: no crash, always one of the eight orientations, and turning keeps every pixel.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tensors/orientation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::tensors;
  const auto file = std::as_bytes(std::span(bytes, size));
  const Tensor picture = Tensor::of<std::uint8_t>({2, 3, 1}, {1, 2, 3, 4, 5, 6});
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kWebp}) {
    const auto orientation = orientation_of(file, format);
    if (orientation < Orientation::kUpright || orientation > Orientation::kThreeQuarterTurn) std::abort();
    const Tensor turned = turned_upright(picture, orientation);
    std::vector<std::uint8_t> pixels(turned.values<std::uint8_t>().begin(), turned.values<std::uint8_t>().end());
    std::ranges::sort(pixels);
    if (!std::ranges::equal(pixels, picture.values<std::uint8_t>())) std::abort();
  }
  return 0;
}
