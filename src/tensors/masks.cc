#include "tensors/masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

// Two neighbours along one side, and the share of the second.
struct Between {
  std::size_t first = 0;
  std::size_t second = 0;
  float share = 0;
};

// Where the middle of each pixel of the picture's side lies in a map of `size` that covers `input_side`.
std::vector<Between> places_of(std::int64_t side, double scale, double offset, std::int64_t input_side, std::size_t size) {
  std::vector<Between> places(static_cast<std::size_t>(side));
  const double ratio = static_cast<double>(size) / static_cast<double>(input_side);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double at = ((static_cast<double>(i) + 0.5) * scale + offset) * ratio - 0.5;
    const double within = std::clamp(at, 0.0, static_cast<double>(size - 1));
    places[i].first = static_cast<std::size_t>(within);
    places[i].second = std::min(places[i].first + 1, size - 1);
    places[i].share = static_cast<float>(within - std::floor(within));
  }
  return places;
}

struct Grid {
  std::vector<Between> across;
  std::vector<Between> down;
  std::size_t width = 0;  // of the map

  Grid(const Seen& seen, std::size_t map_width, std::size_t map_height)
      : across(places_of(seen.width, seen.placement.scale_x, seen.placement.offset_x, seen.input_width, map_width)),
        down(places_of(seen.height, seen.placement.scale_y, seen.placement.offset_y, seen.input_height, map_height)),
        width(map_width) {}
  float read(std::span<const float> plane, std::size_t x, std::size_t y) const {
    const Between& h = across[x];
    const float* above = plane.data() + down[y].first * width;
    const float* below = plane.data() + down[y].second * width;
    const float upper = above[h.first] + (above[h.second] - above[h.first]) * h.share;
    const float lower = below[h.first] + (below[h.second] - below[h.first]) * h.share;
    return upper + (lower - upper) * down[y].share;
  }
};

std::unexpected<Error> unfit(const Tensor& output, std::string_view what) {
  return fail(kVisionOutput, fmt::format("an output of shape {} holds no {}", to_string(output.shape()), what));
}

bool is_integer(DType dtype) { return dtype < DType::kFloat16; }

bool is_sound(const Seen& seen) { return seen.width > 0 && seen.height > 0 && seen.input_width > 0 && seen.input_height > 0; }

// [1, h, w] and [1, 1, h, w] as [h, w].
std::optional<Shape> plane_of(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  if (shape.size() < 3 || shape.size() > 4 || tensor.size() == 0) return std::nullopt;
  if (!std::all_of(shape.begin(), shape.end() - 2, [](auto dimension) { return dimension == 1; })) return std::nullopt;
  return Shape{shape[shape.size() - 2], shape.back()};
}

Result<Tensor> nearest_labels(const Tensor& output, const Shape& plane, const Seen& seen) {
  TRY_ASSIGN(const Tensor labels, output.converted_to(DType::kInt64));
  const auto values = labels.values<std::int64_t>();
  if (std::ranges::any_of(values, [](auto label) { return label < 0 || label > 255; })) return unfit(output, "labels from 0 to 255");
  const Grid grid(seen, static_cast<std::size_t>(plane[1]), static_cast<std::size_t>(plane[0]));
  Tensor map = Tensor::zeros(DType::kUint8, {seen.height, seen.width});
  auto* out = reinterpret_cast<std::uint8_t*>(map.mutable_bytes().data());
  for (const Between& down : grid.down) {
    for (const Between& across : grid.across) {
      const std::size_t y = down.share < 0.5F ? down.first : down.second;
      const std::size_t x = across.share < 0.5F ? across.first : across.second;
      *out++ = static_cast<std::uint8_t>(values[y * grid.width + x]);
    }
  }
  return map;
}

// The best class of each pixel; a row at a time, so that every plane is read in order.
Tensor best_classes(std::span<const float> scores, std::size_t classes, const Grid& grid, std::size_t plane, const Seen& seen) {
  Tensor map = Tensor::zeros(DType::kUint8, {seen.height, seen.width});
  auto* out = reinterpret_cast<std::uint8_t*>(map.mutable_bytes().data());
  std::vector<float> best(grid.across.size());
  for (std::size_t y = 0; y < grid.down.size(); ++y, out += grid.across.size()) {
    for (std::size_t x = 0; x < best.size(); ++x) best[x] = classes == 1 ? 0.5F : grid.read(scores.first(plane), x, y);
    for (std::size_t c = classes == 1 ? 0 : 1; c < classes; ++c) {
      for (std::size_t x = 0; x < best.size(); ++x) {
        const float score = grid.read(scores.subspan(c * plane, plane), x, y);
        if (!(score > best[x])) continue;
        best[x] = score;
        out[x] = static_cast<std::uint8_t>(classes == 1 ? 1 : c);
      }
    }
  }
  return map;
}

class RunWriter {
 public:
  RunWriter(std::int64_t height, std::int64_t width) : runs_{.height = height, .width = width, .counts = {}} {}
  void add(bool inside, std::uint32_t count) {
    if (count == 0) return;
    if (inside != inside_) {
      runs_.counts.push_back(open_);
      open_ = 0;
      inside_ = inside;
    }
    open_ += count;
  }
  RunLengths take() {
    runs_.counts.push_back(open_);
    return std::move(runs_);
  }

 private:
  RunLengths runs_;
  bool inside_ = false;
  std::uint32_t open_ = 0;
};

}  // namespace

Result<RunLengths> mask_of(const Tensor& prototypes, std::span<const float> weights, const Box& box, const Seen& seen) {
  const Shape& shape = prototypes.shape();
  const bool fits = shape.size() == 4 && shape[0] == 1 && shape[1] == static_cast<std::int64_t>(weights.size()) && prototypes.size() > 0;
  if (!fits || !is_sound(seen)) return unfit(prototypes, fmt::format("{} prototypes of masks", weights.size()));
  TRY_ASSIGN(const Tensor floats, prototypes.converted_to(DType::kFloat32));
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  std::vector<float> sum(plane, 0.0F);
  for (std::size_t m = 0; m < weights.size(); ++m) {
    const auto part = floats.values<float>().subspan(m * plane, plane);
    for (std::size_t i = 0; i < plane; ++i) sum[i] += weights[m] * part[i];
  }
  const Grid grid(seen, static_cast<std::size_t>(shape[3]), static_cast<std::size_t>(shape[2]));
  const auto from = [](float edge, std::int64_t side) {
    return static_cast<std::int64_t>(std::clamp(std::floor(edge), 0.0F, static_cast<float>(side)));
  };
  const auto to = [](float edge, std::int64_t side) {
    return static_cast<std::int64_t>(std::clamp(std::ceil(edge), 0.0F, static_cast<float>(side)));
  };
  const std::int64_t left = from(box.left, seen.width);
  const std::int64_t right = std::max(left, to(box.right, seen.width));
  const std::int64_t top = from(box.top, seen.height);
  const std::int64_t bottom = std::max(top, to(box.bottom, seen.height));
  RunWriter runs(seen.height, seen.width);
  runs.add(false, static_cast<std::uint32_t>(left * seen.height));
  for (std::int64_t x = left; x < right; ++x) {
    runs.add(false, static_cast<std::uint32_t>(top));
    for (std::int64_t y = top; y < bottom; ++y) runs.add(grid.read(sum, static_cast<std::size_t>(x), static_cast<std::size_t>(y)) > 0, 1);
    runs.add(false, static_cast<std::uint32_t>(seen.height - bottom));
  }
  runs.add(false, static_cast<std::uint32_t>((seen.width - right) * seen.height));
  return runs.take();
}

Result<Tensor> class_map(const Tensor& output, const Seen& seen) {
  if (!is_sound(seen)) return unfit(output, "picture");
  const auto plane = plane_of(output);
  if (plane && is_integer(output.dtype())) return nearest_labels(output, *plane, seen);
  const Shape& shape = output.shape();
  if (shape.size() != 4 || shape[0] != 1 || output.size() == 0 || shape[1] > 256 || output.dtype() == DType::kString)
    return unfit(output, "scores for each pixel, of at most 256 classes");
  TRY_ASSIGN(const Tensor floats, output.converted_to(DType::kFloat32));
  const Grid grid(seen, static_cast<std::size_t>(shape[3]), static_cast<std::size_t>(shape[2]));
  return best_classes(floats.values<float>(), static_cast<std::size_t>(shape[1]), grid, static_cast<std::size_t>(shape[2] * shape[3]),
                      seen);
}

Result<Tensor> heat_map(const Tensor& output, const Seen& seen) {
  const auto plane = plane_of(output);
  if (!plane || !is_sound(seen) || output.dtype() == DType::kString) return unfit(output, "heat map");
  TRY_ASSIGN(const Tensor floats, output.converted_to(DType::kFloat32));
  const Grid grid(seen, static_cast<std::size_t>((*plane)[1]), static_cast<std::size_t>((*plane)[0]));
  Tensor map = Tensor::zeros(DType::kFloat32, {seen.height, seen.width});
  auto* out = reinterpret_cast<float*>(map.mutable_bytes().data());
  for (std::size_t y = 0; y < grid.down.size(); ++y)
    for (std::size_t x = 0; x < grid.across.size(); ++x) *out++ = grid.read(floats.values<float>(), x, y);
  return map;
}

}  // namespace forebay::tensors
