#include "tensors/resample.h"

#include <algorithm>
#include <cmath>

namespace forebay::tensors {

namespace {

// Which input positions make one output position, and how much of each.
struct Tap {
  std::size_t first = 0;
  std::vector<float> weights;  // their sum is 1
};

std::vector<Tap> taps_of(std::size_t size_in, double start, double length, std::size_t size_out) {
  const double ratio = length / static_cast<double>(size_out);
  const double reach = std::max(1.0, ratio);
  std::vector<Tap> taps(size_out);
  for (std::size_t i = 0; i < size_out; ++i) {
    const double centre = start + (static_cast<double>(i) + 0.5) * ratio;
    const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - reach + 0.5)));
    const auto last = static_cast<std::size_t>(std::min(static_cast<double>(size_in), std::floor(centre + reach + 0.5)));
    taps[i].first = std::min(first, size_in - 1);
    double sum = 0;
    for (std::size_t k = taps[i].first; k < std::max(last, taps[i].first + 1); ++k) {
      const double weight = std::max(0.0, 1 - std::fabs((static_cast<double>(k) + 0.5 - centre) / reach));
      taps[i].weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    // At an edge only half of the triangle is there.
    for (float& weight : taps[i].weights)
      weight = sum > 0 ? static_cast<float>(weight / sum) : 1.0f / static_cast<float>(taps[i].weights.size());
  }
  return taps;
}

// Rows [first, last) of the picture, each as wide as there are taps.
std::vector<float> shrink_rows(const Picture& picture, std::size_t first, std::size_t last, const std::vector<Tap>& taps) {
  std::vector<float> rows((last - first) * taps.size() * picture.channels);
  float* out = rows.data();
  for (std::size_t y = first; y < last; ++y) {
    const auto row = picture.pixels.subspan(y * picture.width * picture.channels, picture.width * picture.channels);
    for (const Tap& tap : taps) {
      for (std::size_t c = 0; c < picture.channels; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < tap.weights.size(); ++k)
          sum += tap.weights[k] * static_cast<float>(row[(tap.first + k) * picture.channels + c]);
        *out++ = sum;
      }
    }
  }
  return rows;
}

}  // namespace

std::vector<float> resample(const Picture& picture, const Region& part, std::size_t width, std::size_t height) {
  const auto across = taps_of(picture.width, part.left, part.width, width);
  const auto down = taps_of(picture.height, part.top, part.height, height);
  const std::size_t first = down.front().first;
  std::size_t last = first + 1;
  for (const Tap& tap : down) last = std::max(last, tap.first + tap.weights.size());
  const auto rows = shrink_rows(picture, first, last, across);
  const std::size_t row_values = width * picture.channels;
  std::vector<float> pixels(height * row_values, 0.0f);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t k = 0; k < down[y].weights.size(); ++k) {
      const float* row = rows.data() + (down[y].first - first + k) * row_values;
      for (std::size_t i = 0; i < row_values; ++i) pixels[y * row_values + i] += down[y].weights[k] * row[i];
    }
  }
  return pixels;
}

}  // namespace forebay::tensors
