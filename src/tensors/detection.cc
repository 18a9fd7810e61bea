#include "tensors/detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

constexpr std::size_t kAnchorsMax = 100'000;
constexpr std::size_t kClassesMax = 10'000;
constexpr std::size_t kLookedAtMax = 10'000;

// Numbers of one anchor, whichever dimension comes first.
class Anchors {
 public:
  Anchors(std::span<const float> values, std::size_t count, std::size_t fields, bool fields_first)
      : values_(values), count_(count), fields_(fields), fields_first_(fields_first) {}
  std::size_t count() const { return count_; }
  std::size_t fields() const { return fields_; }
  float at(std::size_t anchor, std::size_t field) const {
    return fields_first_ ? values_[field * count_ + anchor] : values_[anchor * fields_ + field];
  }

 private:
  std::span<const float> values_;
  std::size_t count_;
  std::size_t fields_;
  bool fields_first_;
};

// The cells of three grids over the input, in the order of YOLOX's anchors.
struct Cell {
  float x = 0;
  float y = 0;
  float stride = 0;
};
std::vector<Cell> cells_of(std::int64_t width, std::int64_t height) {
  std::vector<Cell> cells;
  for (const std::int64_t stride : {8, 16, 32}) {
    for (std::int64_t y = 0; y < height / stride; ++y)
      for (std::int64_t x = 0; x < width / stride; ++x)
        cells.push_back({static_cast<float>(x), static_cast<float>(y), static_cast<float>(stride)});
  }
  return cells;
}

Box box_around(float x, float y, float width, float height) {
  return {.left = x - width / 2, .top = y - height / 2, .right = x + width / 2, .bottom = y + height / 2};
}

std::size_t fields_before_scores(BoxHead head) { return head == BoxHead::kYoloV8 ? 4 : head == BoxHead::kFinal ? 6 : 5; }

class Decoder {
 public:
  Decoder(const Anchors& anchors, const DetectionLayout& layout)
      : anchors_(anchors), layout_(layout), classes_(anchors.fields() - layout.mask_weights - fields_before_scores(layout.head)) {
    if (layout.head == BoxHead::kYolox) cells_ = cells_of(layout.input_width, layout.input_height);
  }
  bool fits() const { return layout_.head != BoxHead::kYolox || cells_.size() == anchors_.count(); }

  std::vector<Candidate> above(float score_min) const {
    std::vector<Candidate> found;
    for (std::size_t i = 0; i < anchors_.count(); ++i) {
      const auto [index, score] = best_class(i);
      if (!(score >= score_min)) continue;  // also when it is no number
      const Box box = box_of(i);
      const bool finite = std::isfinite(box.left) && std::isfinite(box.top) && std::isfinite(box.right) && std::isfinite(box.bottom);
      if (!finite) continue;
      Candidate candidate{.box = box, .index = index, .score = score, .mask = {}};
      for (std::size_t m = anchors_.fields() - layout_.mask_weights; m < anchors_.fields(); ++m)
        candidate.mask.push_back(anchors_.at(i, m));
      found.push_back(std::move(candidate));
    }
    return found;
  }

 private:
  std::pair<std::size_t, float> best_class(std::size_t anchor) const {
    if (layout_.head == BoxHead::kFinal) {
      const float index = anchors_.at(anchor, 5);
      const bool known = index >= 0 && index < static_cast<float>(kClassesMax);
      return {known ? static_cast<std::size_t>(index) : 0, known ? anchors_.at(anchor, 4) : -1};
    }
    const std::size_t first = fields_before_scores(layout_.head);
    std::size_t best = 0;
    for (std::size_t c = 1; c < classes_; ++c) {
      if (anchors_.at(anchor, first + c) > anchors_.at(anchor, first + best)) best = c;
    }
    const float objectness = layout_.head == BoxHead::kYoloV8 ? 1 : anchors_.at(anchor, 4);
    return {best, anchors_.at(anchor, first + best) * objectness};
  }

  Box box_of(std::size_t anchor) const {
    const float a = anchors_.at(anchor, 0);
    const float b = anchors_.at(anchor, 1);
    const float c = anchors_.at(anchor, 2);
    const float d = anchors_.at(anchor, 3);
    if (layout_.head == BoxHead::kFinal) return {.left = a, .top = b, .right = c, .bottom = d};
    if (layout_.head != BoxHead::kYolox) return box_around(a, b, c, d);
    const Cell& cell = cells_[anchor];
    return box_around((a + cell.x) * cell.stride, (b + cell.y) * cell.stride, std::exp(c) * cell.stride, std::exp(d) * cell.stride);
  }

  const Anchors& anchors_;
  const DetectionLayout& layout_;
  const std::size_t classes_;
  std::vector<Cell> cells_;
};

}  // namespace

float overlap(const Box& a, const Box& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (!(width > 0) || !(height > 0)) return 0;
  const float both = width * height;
  return both / ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - both);
}

Result<std::vector<Candidate>> decode_boxes(const Tensor& output, const DetectionLayout& layout, float score_min) {
  const Shape& shape = output.shape();
  const bool fields_first = layout.head == BoxHead::kYoloV8;
  const auto wrong = [&] {
    return fail(kVisionOutput, fmt::format("an output of shape {} holds no {} boxes", to_string(shape), name_of(layout.head)));
  };
  if (shape.size() != 3 || shape[0] != 1) return wrong();
  const auto fields = static_cast<std::size_t>(shape[fields_first ? 1 : 2]);
  const auto count = static_cast<std::size_t>(shape[fields_first ? 2 : 1]);
  const std::size_t classes_min = layout.head == BoxHead::kFinal ? 0 : 1;
  if (fields < fields_before_scores(layout.head) + layout.mask_weights + classes_min) return wrong();
  if (count > kAnchorsMax || fields > kClassesMax)
    return fail(kTensorTooLarge, fmt::format("{} boxes with {} numbers each; at most {} and {}", count, fields, kAnchorsMax, kClassesMax));
  TRY_ASSIGN(const Tensor floats, output.converted_to(DType::kFloat32));
  const Anchors anchors(floats.values<float>(), count, fields, fields_first);
  const Decoder decoder(anchors, layout);
  if (!decoder.fits()) return wrong();
  return decoder.above(score_min);
}

std::vector<Candidate> without_overlaps(std::vector<Candidate> candidates, float overlap_max, std::size_t count_max) {
  std::ranges::stable_sort(candidates, std::greater{}, &Candidate::score);
  if (candidates.size() > kLookedAtMax) candidates.resize(kLookedAtMax);
  std::vector<Candidate> kept;
  for (Candidate& candidate : candidates) {
    if (kept.size() == count_max) break;
    const auto covers = [&](const Candidate& better) {
      return better.index == candidate.index && overlap(better.box, candidate.box) > overlap_max;
    };
    if (std::ranges::none_of(kept, covers)) kept.push_back(std::move(candidate));
  }
  return kept;
}

Box on_picture(const Box& box, const ImagePlacement& placement, std::int64_t width, std::int64_t height) {
  const auto back = [](float value, double offset, double scale, std::int64_t side) {
    return static_cast<float>(std::clamp((static_cast<double>(value) - offset) / scale, 0.0, static_cast<double>(side)));
  };
  return {.left = back(box.left, placement.offset_x, placement.scale_x, width),
          .top = back(box.top, placement.offset_y, placement.scale_y, height),
          .right = back(box.right, placement.offset_x, placement.scale_x, width),
          .bottom = back(box.bottom, placement.offset_y, placement.scale_y, height)};
}

}  // namespace forebay::tensors
