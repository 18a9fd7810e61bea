#include "tensors/vision_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tensors/bitmap_font.h"
#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
};
constexpr Colour kWhite{255, 255, 255};
constexpr Colour kBlack{0, 0, 0};

// Neighbouring classes get colours that are far apart: the golden angle around the colour wheel.
Colour colour_of(std::size_t index) {
  const double turn = std::fmod(static_cast<double>(index) * 0.61803398875 + 0.02, 1.0) * 6;
  const auto part = [&](double offset) {
    const double k = std::fmod(offset + turn, 6.0);
    return static_cast<std::uint8_t>(255 * (1 - std::clamp(std::min(k, 4 - k), 0.0, 1.0)));
  };
  return {part(5), part(3), part(1)};
}

Colour ink_on(Colour paper) { return 299 * paper.red + 587 * paper.green + 114 * paper.blue > 128'000 ? kBlack : kWhite; }

class Canvas {
 public:
  explicit Canvas(const Tensor& picture) : height_(static_cast<int>(picture.shape()[0])), width_(static_cast<int>(picture.shape()[1])) {
    image_ = Tensor::zeros(DType::kUint8, {picture.shape()[0], picture.shape()[1], 3});
    pixels_ = reinterpret_cast<std::uint8_t*>(image_.mutable_bytes().data());
    const auto channels = static_cast<std::size_t>(picture.shape()[2]);
    const auto from = picture.values<std::uint8_t>();
    for (std::size_t i = 0; i < static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_); ++i)
      for (std::size_t c = 0; c < 3; ++c) pixels_[i * 3 + c] = from[i * channels + (channels == 1 ? 0 : c)];
  }
  int width() const { return width_; }
  int height() const { return height_; }
  // As many dots as make a line visible on this picture.
  int stroke() const { return std::max(1, std::min(width_, height_) / 200); }
  Tensor take() { return std::move(image_); }

  void set(int x, int y, Colour colour) { blend(x, y, colour, 1); }
  void blend(int x, int y, Colour colour, double share) {
    if (x < 0 || y < 0 || x >= width_ || y >= height_) return;
    std::uint8_t* pixel = pixels_ + (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)) * 3;
    const std::array<std::uint8_t, 3> parts = {colour.red, colour.green, colour.blue};
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(std::lround(pixel[c] * (1 - share) + parts[c] * share));
  }
  void fill(int left, int top, int right, int bottom, Colour colour) {
    for (int y = std::max(0, top); y < std::min(height_, bottom); ++y)
      for (int x = std::max(0, left); x < std::min(width_, right); ++x) set(x, y, colour);
  }
  void frame(int left, int top, int right, int bottom, Colour colour) {
    const int line = stroke();
    fill(left, top, right, top + line, colour);
    fill(left, bottom - line, right, bottom, colour);
    fill(left, top, left + line, bottom, colour);
    fill(right - line, top, right, bottom, colour);
  }
  // A line of text on a bar; `y` is its upper edge, moved so that the bar is on the picture.
  void label(int x, int y, std::string_view text, Colour paper) {
    constexpr std::size_t kCharactersMax = 64;
    text = text.substr(0, kCharactersMax);
    const int dot = stroke();
    const int wide = (static_cast<int>(text.size()) * (kGlyphWidth + 1) + 1) * dot;
    const int high = (kGlyphHeight + 2) * dot;
    x = std::clamp(x, 0, std::max(0, width_ - wide));
    y = std::clamp(y, 0, std::max(0, height_ - high));
    fill(x, y, x + wide, y + high, paper);
    for (const char character : text) {
      const Glyph& glyph = glyph_of(character);
      for (int row = 0; row < kGlyphHeight; ++row)
        for (int column = 0; column < kGlyphWidth; ++column) {
          if ((glyph[static_cast<std::size_t>(row)] >> (kGlyphWidth - 1 - column) & 1) == 0) continue;
          const int dot_x = x + (column + 1) * dot;
          const int dot_y = y + (row + 1) * dot;
          fill(dot_x, dot_y, dot_x + dot, dot_y + dot, ink_on(paper));
        }
      x += (kGlyphWidth + 1) * dot;
    }
  }

 private:
  int height_;
  int width_;
  Tensor image_;
  std::uint8_t* pixels_ = nullptr;
};

std::string caption(const std::string& label, std::size_t index, float score) {
  return fmt::format("{} {:.2f}", label.empty() ? fmt::format("#{}", index) : label, score);
}

void draw_mask(Canvas& canvas, const RunLengths& mask, Colour colour) {
  std::int64_t at = 0;
  bool inside = false;
  for (const std::uint32_t count : mask.counts) {
    for (std::int64_t i = at; inside && i < at + count; ++i)
      canvas.blend(static_cast<int>(i / mask.height), static_cast<int>(i % mask.height), colour, 0.45);
    at += count;
    inside = !inside;
  }
}

// The best last, so that its label is on top.
void draw_detections(Canvas& canvas, const std::vector<Detection>& detections) {
  for (auto found = detections.rbegin(); found != detections.rend(); ++found) {
    const Colour colour = colour_of(found->index);
    const int left = static_cast<int>(std::lround(found->box.left));
    const int top = static_cast<int>(std::lround(found->box.top));
    if (found->mask) draw_mask(canvas, *found->mask, colour);
    canvas.frame(left, top, static_cast<int>(std::lround(found->box.right)), static_cast<int>(std::lround(found->box.bottom)), colour);
    canvas.label(left, top - (kGlyphHeight + 2) * canvas.stroke(), caption(found->label, found->index, found->score), colour);
  }
}

void draw_classes(Canvas& canvas, const VisionAnswer& answer) {
  const auto map = answer.class_map->values<std::uint8_t>();
  for (std::size_t i = 0; i < map.size(); ++i) {
    // Class 0 is what is around, by custom: it stays as it is.
    if (map[i] != 0) canvas.blend(static_cast<int>(i) % canvas.width(), static_cast<int>(i) / canvas.width(), colour_of(map[i]), 0.5);
  }
  int y = 0;
  for (const auto& [index, label, share] : answer.pixel_classes) {
    if (y >= canvas.height()) break;
    canvas.label(0, y, fmt::format("{} {:.0f}%", label.empty() ? fmt::format("#{}", index) : label, share * 100), colour_of(index));
    y += (kGlyphHeight + 2) * canvas.stroke();
  }
}

void draw_anomaly(Canvas& canvas, const Anomaly& anomaly) {
  if (anomaly.heat_map) {
    const auto map = anomaly.heat_map->values<float>();
    const auto [least, most] = std::ranges::minmax(map);
    const double range = most > least ? double{most} - double{least} : 1;
    for (std::size_t i = 0; i < map.size(); ++i) {
      const double heat = std::clamp((double{map[i]} - double{least}) / range, 0.0, 1.0);
      if (std::isnan(heat)) continue;
      canvas.blend(static_cast<int>(i) % canvas.width(), static_cast<int>(i) / canvas.width(), {255, 32, 0}, heat * 0.6);
    }
  }
  canvas.label(0, 0, fmt::format("{} {:.3f}", anomaly.is_anomaly ? "anomaly" : "normal", anomaly.score),
               anomaly.is_anomaly ? Colour{220, 30, 0} : Colour{0, 140, 60});
}

}  // namespace

Result<Tensor> drawn(const Tensor& picture, const VisionAnswer& answer) {
  const Shape& shape = picture.shape();
  const bool fits = picture.dtype() == DType::kUint8 && shape.size() == 3 && shape[0] == answer.height && shape[1] == answer.width &&
                    picture.size() > 0 && (shape[2] == 1 || shape[2] == 3 || shape[2] == 4);
  if (!fits) return fail(kTensorShapeMismatch, fmt::format("the answer is for a picture of {}x{} pixels", answer.width, answer.height));
  Canvas canvas(picture);
  if (answer.class_map) draw_classes(canvas, answer);
  if (answer.anomaly) draw_anomaly(canvas, *answer.anomaly);
  draw_detections(canvas, answer.detections);
  int y = 0;
  for (const auto& [index, label, score] : answer.classes) {
    if (y >= canvas.height()) break;
    canvas.label(0, y, caption(label, index, score), colour_of(index));
    y += (kGlyphHeight + 2) * canvas.stroke();
  }
  return canvas.take();
}

}  // namespace forebay::tensors
