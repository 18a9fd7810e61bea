#include "tensors/image_input.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

std::vector<float> floats_of(const Result<Tensor>& tensor) {
  if (!tensor) return {};
  return {tensor->values<float>().begin(), tensor->values<float>().end()};
}
Tensor grey(Shape shape, const std::vector<std::uint8_t>& values) { return Tensor::of<std::uint8_t>(std::move(shape), values); }
ImagePreprocessing plain(std::int64_t width, std::int64_t height, ImageChannels channels = ImageChannels::kGrey) {
  return {.width = width, .height = height, .channels = channels, .scale = 1};
}

TEST(ToInput, KeepsPixelsOfTheWantedSizeAsTheyAre) {
  const auto input = to_input(grey({2, 2}, {0, 50, 100, 255}), plain(2, 2), DType::kFloat32);
  EXPECT_EQ(input->shape(), (Shape{1, 1, 2, 2}));
  EXPECT_EQ(floats_of(input), (std::vector<float>{0, 50, 100, 255}));
}

TEST(ToInput, EnlargesBetweenTheMiddlesOfPixels) {
  const auto input = to_input(grey({1, 2, 1}, {0, 100}), plain(4, 1), DType::kFloat32);
  EXPECT_EQ(floats_of(input), (std::vector<float>{0, 25, 75, 100}));
}

TEST(ToInput, ShrinksWithEveryPixelCounted) {
  // A triangle as wide as one output pixel: weights 1, 3, 3, 1 inside; at the edges the rest of it.
  const auto input = to_input(grey({1, 4, 1}, {0, 80, 160, 240}), plain(2, 1), DType::kFloat32);
  ASSERT_TRUE(input);
  EXPECT_NEAR(floats_of(input)[0], (0 * 3 + 80 * 3 + 160 * 1) / 7.0f, 1e-4f);
  EXPECT_NEAR(floats_of(input)[1], (240 * 3 + 160 * 3 + 80 * 1) / 7.0f, 1e-4f);
}

TEST(ToInput, KeepsAFlatPictureFlatAtEverySize) {
  const Tensor picture = grey({37, 53, 3}, std::vector<std::uint8_t>(std::size_t{37} * 53 * 3, 77));
  for (const ImageResize resize : {ImageResize::kStretch, ImageResize::kCrop}) {
    for (const auto& [width, height] : {std::pair(1, 1), std::pair(8, 100), std::pair(100, 8), std::pair(53, 37)}) {
      auto options = plain(width, height, ImageChannels::kRgb);
      options.resize = resize;
      for (const float value : floats_of(to_input(picture, options, DType::kFloat32))) EXPECT_NEAR(value, 77, 1e-3f);
    }
  }
}

TEST(ToInput, StretchesTheMiddleOfAPicture) {
  auto options = plain(2, 1);
  options.crop_share = 0.5f;
  const auto input = to_input(grey({1, 4, 1}, {10, 20, 30, 40}), options, DType::kFloat32);
  ASSERT_TRUE(input) << input.error().to_string();
  EXPECT_EQ(input->shape(), (Shape{1, 1, 1, 2}));
  EXPECT_EQ(floats_of(input), (std::vector<float>{20, 30}));
  const auto placement = placement_of(4, 1, options);
  EXPECT_EQ(placement.scale_x, 1);
  EXPECT_EQ(placement.offset_x, -1);
}

TEST(ToInput, ArrangesChannelsAndLayout) {
  const Tensor picture = grey({1, 2, 3}, {1, 2, 3, 4, 5, 6});
  auto options = plain(2, 1, ImageChannels::kRgb);
  EXPECT_EQ(floats_of(to_input(picture, options, DType::kFloat32)), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  options.channels = ImageChannels::kBgr;
  EXPECT_EQ(floats_of(to_input(picture, options, DType::kFloat32)), (std::vector<float>{3, 6, 2, 5, 1, 4}));
  options.layout = ImageLayout::kNhwc;
  const auto input = to_input(picture, options, DType::kFloat32);
  EXPECT_EQ(input->shape(), (Shape{1, 1, 2, 3}));
  EXPECT_EQ(floats_of(input), (std::vector<float>{3, 2, 1, 6, 5, 4}));
}

TEST(ToInput, MakesGreyOfColoursAndColoursOfGrey) {
  const auto input = to_input(grey({1, 1, 3}, {255, 0, 0}), plain(1, 1), DType::kFloat32);
  EXPECT_NEAR(floats_of(input)[0], 76.245f, 1e-3f);
  EXPECT_EQ(floats_of(to_input(grey({1, 1, 1}, {9}), plain(1, 1, ImageChannels::kRgb), DType::kFloat32)), (std::vector<float>{9, 9, 9}));
  EXPECT_EQ(floats_of(to_input(grey({1, 1, 4}, {1, 2, 3, 0}), plain(1, 1, ImageChannels::kRgb), DType::kFloat32)),
            (std::vector<float>{1, 2, 3}));
}

TEST(ToInput, NormalisesEachChannel) {
  ImagePreprocessing options = plain(1, 1, ImageChannels::kRgb);
  options.scale = 1.0f / 255;
  options.mean = {0.5f, 0.25f, 0};
  options.deviation = {0.5f};
  EXPECT_EQ(floats_of(to_input(grey({1, 1, 3}, {255, 0, 255}), options, DType::kFloat32)), (std::vector<float>{1, -0.5f, 2}));
}

TEST(ToInput, PutsBarsAroundALetter) {
  auto options = plain(4, 4);
  options.resize = ImageResize::kLetterbox;
  options.padding = 9;
  const auto input = to_input(grey({1, 2, 1}, {100, 100}), options, DType::kFloat32);
  EXPECT_EQ(floats_of(input), (std::vector<float>{9, 9, 9, 9, 100, 100, 100, 100, 100, 100, 100, 100, 9, 9, 9, 9}));
}

TEST(ToInput, CutsTheMiddleOut) {
  auto options = plain(2, 2);
  options.resize = ImageResize::kCrop;
  const auto input = to_input(grey({2, 4, 1}, {1, 2, 3, 4, 5, 6, 7, 8}), options, DType::kFloat32);
  EXPECT_EQ(floats_of(input), (std::vector<float>{2, 3, 6, 7}));
}

TEST(ToInput, PutsThePictureIntoTheCorner) {
  auto options = plain(4, 4);
  options.resize = ImageResize::kCorner;
  options.padding = 9;
  const auto input = to_input(grey({1, 2, 1}, {100, 100}), options, DType::kFloat32);
  EXPECT_EQ(floats_of(input), (std::vector<float>{100, 100, 100, 100, 100, 100, 100, 100, 9, 9, 9, 9, 9, 9, 9, 9}));
  EXPECT_DOUBLE_EQ(placement_of(2, 1, options).offset_y, 0);
}

TEST(ToInput, KeepsAShareOfTheMiddle) {
  auto options = plain(2, 2);
  options.resize = ImageResize::kCrop;
  options.crop_share = 0.5F;
  const auto input = to_input(grey({4, 4, 1}, {0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0}), options, DType::kFloat32);
  EXPECT_EQ(floats_of(input), (std::vector<float>{1, 2, 3, 4}));
}

TEST(ToInput, ReadsWithTheFilterThatIsAskedFor) {
  const Tensor row = grey({1, 4, 1}, {0, 80, 160, 240});
  auto options = plain(2, 1);
  options.filter = ImageFilter::kNearest;
  EXPECT_EQ(floats_of(to_input(row, options, DType::kFloat32)), (std::vector<float>{80, 240}));
  options.filter = ImageFilter::kLinear;  // the middles of the output lie between two pixels
  EXPECT_EQ(floats_of(to_input(row, options, DType::kFloat32)), (std::vector<float>{40, 200}));
  options.width = 8;
  options.filter = ImageFilter::kBicubic;
  const auto wide = floats_of(to_input(row, options, DType::kFloat32));
  // At 1.25 between 80 and 160: weights of Keys' cubic with a = -0.5 are -0.0703125, 0.8671875, 0.2265625, -0.0234375.
  EXPECT_NEAR(wide[3], -0.0703125F * 0 + 0.8671875F * 80 + 0.2265625F * 160 - 0.0234375F * 240, 1e-3F);
  EXPECT_GE(wide[0], 0);
}

TEST(ToInput, SaysWhereThePictureLies) {
  auto options = plain(640, 640);
  options.resize = ImageResize::kLetterbox;
  const ImagePlacement box = placement_of(1280, 720, options);
  EXPECT_DOUBLE_EQ(box.scale_x, 0.5);
  EXPECT_DOUBLE_EQ(box.scale_y, 0.5);
  EXPECT_DOUBLE_EQ(box.offset_x, 0);
  EXPECT_DOUBLE_EQ(box.offset_y, 140);
  options.resize = ImageResize::kCrop;
  const ImagePlacement cut = placement_of(1280, 640, options);
  EXPECT_DOUBLE_EQ(cut.scale_x, 1);
  EXPECT_DOUBLE_EQ(cut.offset_x, -320);
  options.resize = ImageResize::kStretch;
  EXPECT_DOUBLE_EQ(placement_of(1280, 320, options).scale_y, 2);
}

TEST(ToInput, RoundsForIntegersAndRefusesWhatTheyCannotHold) {
  const Tensor picture = grey({1, 2, 1}, {0, 101});
  const auto input = to_input(picture, plain(1, 1), DType::kUint8);
  ASSERT_TRUE(input);
  EXPECT_EQ(input->values<std::uint8_t>()[0], 50);
  EXPECT_EQ(to_input(picture, plain(2, 1), DType::kFloat16)->dtype(), DType::kFloat16);
  auto options = plain(2, 1);
  options.scale = 3;
  EXPECT_EQ(to_input(picture, options, DType::kUint8).error().code(), kTensorValueOutOfRange);
}

TEST(ToInput, RefusesWhatIsNoPicture) {
  EXPECT_EQ(to_input(Tensor::zeros(DType::kFloat32, {2, 2}), plain(1, 1), DType::kFloat32).error().code(), kTensorTypeMismatch);
  for (const Shape& shape : {Shape{4}, Shape{2, 2, 2}, Shape{0, 2, 3}, Shape{1, 1, 1, 1}}) {
    EXPECT_EQ(to_input(Tensor::zeros(DType::kUint8, shape), plain(1, 1), DType::kFloat32).error().code(), kTensorShapeMismatch);
  }
}

TEST(ToInput, RefusesPreprocessingThatMakesNoSense) {
  const Tensor picture = grey({1, 1, 1}, {1});
  const auto refused = [&](const ImagePreprocessing& options) {
    return to_input(picture, options, DType::kFloat32).error_or(Error(kTensorTypeMismatch, "")).code() == kPreprocessingInvalid;
  };
  EXPECT_TRUE(refused(plain(0, 1)));
  EXPECT_TRUE(refused(plain(1, 16'385)));
  EXPECT_TRUE(to_input(picture, plain(1, 16'384), DType::kFloat32));
  auto options = plain(1, 1, ImageChannels::kRgb);
  options.mean = {1, 2};
  EXPECT_TRUE(refused(options));
  options.mean = {};
  options.deviation = {1, 0, 1};
  EXPECT_TRUE(refused(options));
  options.deviation = {std::nanf("")};
  EXPECT_TRUE(refused(options));
  options.deviation = {};
  options.scale = INFINITY;
  EXPECT_TRUE(refused(options));
  options = plain(1, 1);
  for (const float share : {0.0F, 1.01F, std::nanf("")}) {
    options.crop_share = share;
    EXPECT_TRUE(refused(options)) << share;
  }
}

}  // namespace
}  // namespace forebay::tensors
