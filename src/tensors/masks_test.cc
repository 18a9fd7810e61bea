#include "tensors/masks.h"

#include <gtest/gtest.h>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

Seen same_size(std::int64_t width, std::int64_t height) {
  return {.width = width, .height = height, .input_width = width, .input_height = height, .placement = {}};
}
std::vector<int> ints(const Tensor& map) { return {map.values<std::uint8_t>().begin(), map.values<std::uint8_t>().end()}; }

TEST(Mask, RunsDownTheColumnsWithinItsBox) {
  // Two prototypes of 2x2: their difference is above 0 in the left column.
  const Tensor prototypes = Tensor::of<float>({1, 2, 2, 2}, {1, 0, 1, 0, 0, 1, 0, 1});
  const std::vector<float> weights = {1, -1};
  const auto whole = mask_of(prototypes, weights, {0, 0, 2, 2}, same_size(2, 2));
  ASSERT_TRUE(whole) << whole.error().to_string();
  EXPECT_EQ(whole->counts, (std::vector<std::uint32_t>{0, 2, 2}));
  const auto upper = mask_of(prototypes, weights, {0, 0, 2, 1}, same_size(2, 2));
  EXPECT_EQ(upper->counts, (std::vector<std::uint32_t>{0, 1, 3}));
  const auto right = mask_of(prototypes, weights, {1, 0, 2, 2}, same_size(2, 2));
  EXPECT_EQ(right->counts, (std::vector<std::uint32_t>{4}));
}

TEST(Mask, GrowsWithThePictureAndMindsTheBars) {
  // The input is 8x8 with a picture of 8x4 in the middle, shown at half its size; the prototypes cover all of it in 4x4.
  std::vector<float> values(16, -1.0F);
  for (const std::size_t i : {4U, 5U, 8U, 9U}) values[i] = 1;  // the left half of the two middle rows
  const Seen seen{
      .width = 16, .height = 8, .input_width = 8, .input_height = 8, .placement = {.scale_x = 0.5, .scale_y = 0.5, .offset_y = 2}};
  const auto mask = mask_of(Tensor::of<float>({1, 1, 4, 4}, values), std::vector<float>{1}, {0, 0, 16, 8}, seen);
  ASSERT_TRUE(mask);
  std::uint32_t inside = 0;
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < mask->counts.size(); ++i) {
    all += mask->counts[i];
    if (i % 2 == 1) inside += mask->counts[i];
  }
  EXPECT_EQ(all, 16U * 8U);
  EXPECT_NEAR(inside, 64, 8);  // the corners are between four values
  EXPECT_EQ(mask->counts[0], 0U);
  EXPECT_GE(mask->counts[1], 8U);
}

TEST(Mask, RefusesWhatDoesNotFit) {
  const std::vector<float> weights = {1, 1};
  EXPECT_EQ(mask_of(Tensor::zeros(DType::kFloat32, {1, 3, 2, 2}), weights, {}, same_size(2, 2)).error().code(), kVisionOutput);
  EXPECT_EQ(mask_of(Tensor::zeros(DType::kFloat32, {1, 2, 0, 2}), weights, {}, same_size(2, 2)).error().code(), kVisionOutput);
  EXPECT_EQ(mask_of(Tensor::zeros(DType::kFloat32, {2, 2, 2}), weights, {}, same_size(2, 2)).error().code(), kVisionOutput);
}

TEST(ClassMap, TakesTheBestOfTheScores) {
  const Tensor scores = Tensor::of<float>({1, 3, 1, 2}, {0.1F, 5, 0.2F, 1, 0.3F, 2});
  EXPECT_EQ(ints(*class_map(scores, same_size(2, 1))), (std::vector<int>{2, 0}));
  // Between the two middles the scores are mixed: 1.275 against 0.4 and 0.725.
  EXPECT_EQ(ints(*class_map(scores, {.width = 4, .height = 1, .input_width = 2, .input_height = 1, .placement = {.scale_x = 0.5}})),
            (std::vector<int>{2, 0, 0, 0}));
}

TEST(ClassMap, TakesOneScoreAsYesOrNoAndIntegersAsLabels) {
  EXPECT_EQ(ints(*class_map(Tensor::of<float>({1, 1, 1, 3}, {0.4F, 0.5F, 0.6F}), same_size(3, 1))), (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(ints(*class_map(Tensor::of<std::int64_t>({1, 1, 2}, {7, 255}), same_size(2, 1))), (std::vector<int>{7, 255}));
  const Seen wider{.width = 4, .height = 1, .input_width = 2, .input_height = 1, .placement = {.scale_x = 0.5}};
  EXPECT_EQ(ints(*class_map(Tensor::of<std::int64_t>({1, 1, 1, 2}, {7, 9}), wider)), (std::vector<int>{7, 7, 9, 9}));
}

TEST(ClassMap, RefusesOtherShapesAndTooManyClasses) {
  const auto code = [](const Tensor& tensor) { return class_map(tensor, same_size(2, 2)).error_or(Error(kCsvInvalid, "")).code(); };
  EXPECT_EQ(code(Tensor::zeros(DType::kFloat32, {1, 257, 2, 2})), kVisionOutput);
  EXPECT_EQ(code(Tensor::zeros(DType::kFloat32, {1, 256, 2, 2})), kCsvInvalid);  // accepted
  EXPECT_EQ(code(Tensor::zeros(DType::kFloat32, {2, 3, 2, 2})), kVisionOutput);
  EXPECT_EQ(code(Tensor::zeros(DType::kFloat32, {2, 2})), kVisionOutput);
  EXPECT_EQ(code(Tensor::of<std::int64_t>({1, 1, 1}, {256})), kVisionOutput);
  EXPECT_EQ(code(Tensor::of<std::int64_t>({1, 1, 1}, {-1})), kVisionOutput);
  EXPECT_EQ(class_map(Tensor::zeros(DType::kFloat32, {1, 2, 2, 2}), {}).error().code(), kVisionOutput);
}

TEST(HeatMap, IsReadAtThePixelsOfThePicture) {
  const auto map = heat_map(Tensor::of<float>({1, 1, 1, 2}, {0, 100}),
                            {.width = 4, .height = 1, .input_width = 2, .input_height = 1, .placement = {.scale_x = 0.5}});
  ASSERT_TRUE(map);
  const auto values = map->values<float>();
  EXPECT_EQ((std::vector<float>(values.begin(), values.end())), (std::vector<float>{0, 25, 75, 100}));
  EXPECT_EQ(heat_map(Tensor::zeros(DType::kFloat32, {1, 2, 2, 2}), same_size(2, 2)).error().code(), kVisionOutput);
}

}  // namespace
}  // namespace forebay::tensors
