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

// Keys, "Cubic convolution interpolation" (1981), with Pillow's a = -0.5.
double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
}

Tap nearest_tap(double centre, std::size_t size_in) {
  const double at = std::clamp(std::floor(centre), 0.0, static_cast<double>(size_in - 1));
  return {.first = static_cast<std::size_t>(at), .weights = {1}};
}

Tap filtered_tap(double centre, double ratio, std::size_t size_in, ImageFilter filter) {
  const double widening = filter == ImageFilter::kLinear ? 1 : std::max(1.0, ratio);
  const double reach = widening * (filter == ImageFilter::kBicubic ? 2 : 1);
  const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - reach + 0.5)));
  const auto last = static_cast<std::size_t>(std::min(static_cast<double>(size_in), std::floor(centre + reach + 0.5)));
  Tap tap{.first = std::min(first, size_in - 1), .weights = {}};
  double sum = 0;
  for (std::size_t k = tap.first; k < std::max(last, tap.first + 1); ++k) {
    const double x = (static_cast<double>(k) + 0.5 - centre) / widening;
    const double weight = filter == ImageFilter::kBicubic ? cubic(x) : std::max(0.0, 1 - std::fabs(x));
    tap.weights.push_back(static_cast<float>(weight));
    sum += weight;
  }
  // At an edge only a part of the filter is there.
  for (float& weight : tap.weights) weight = sum > 0 ? static_cast<float>(weight / sum) : 1.0f / static_cast<float>(tap.weights.size());
  return tap;
}

std::vector<Tap> taps_of(std::size_t size_in, double start, double length, std::size_t size_out, ImageFilter filter) {
  const double ratio = length / static_cast<double>(size_out);
  std::vector<Tap> taps(size_out);
  for (std::size_t i = 0; i < size_out; ++i) {
    const double centre = start + (static_cast<double>(i) + 0.5) * ratio;
    taps[i] = filter == ImageFilter::kNearest ? nearest_tap(centre, size_in) : filtered_tap(centre, ratio, size_in, filter);
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

std::vector<float> resample(const Picture& picture, const Region& part, std::size_t width, std::size_t height, ImageFilter filter) {
  const auto across = taps_of(picture.width, part.left, part.width, width, filter);
  const auto down = taps_of(picture.height, part.top, part.height, height, filter);
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
  if (filter == ImageFilter::kBicubic) {  // it overshoots at edges
    for (float& value : pixels) value = std::clamp(value, 0.0f, 255.0f);
  }
  return pixels;
}

}  // namespace forebay::tensors
