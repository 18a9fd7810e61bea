#include "tensors/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

using testing::ElementsAre;

const SeriesRecipe kPairs{.input = "x", .window = 2, .stride = 1};
Tensor line(const std::vector<float>& values) { return Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values); }

TEST(CutSeries, GivesEveryCompleteWindow) {
  const auto cut = cut_series(line({1, 2, 3, 4}), kPairs, {-1, 2}, DType::kFloat32);
  ASSERT_TRUE(cut) << cut.error().to_string();
  EXPECT_EQ(cut->tensor.shape(), (Shape{3, 2}));
  EXPECT_THAT(cut->tensor.values<float>(), ElementsAre(1, 2, 2, 3, 3, 4));
  EXPECT_THAT(cut->starts, ElementsAre(0, 1, 2));
  auto apart = kPairs;
  apart.stride = 3;
  EXPECT_THAT(cut_series(line({1, 2, 3, 4}), apart, {-1, 2}, DType::kFloat32)->starts, ElementsAre(0)) << "the rest is no window";
  EXPECT_THAT(cut_series(line({1, 2, 3, 4, 5}), apart, {-1, 2}, DType::kFloat32)->starts, ElementsAre(0, 3));
}

TEST(SeriesShape, HasTheColumnsOfTheInput) {
  EXPECT_EQ(series_shape(kPairs, {-1, 2}), (Shape{-1}));
  EXPECT_EQ(series_shape(kPairs, {-1, 2, 5}), (Shape{-1, 5}));
  EXPECT_EQ(series_shape({.input = "x", .window = 2, .stride = 1, .columns_first = true}, {-1, 5, 2}), (Shape{-1, 5}));
}

TEST(CutSeries, ArrangesColumnsAndNormalisesEach) {
  const Tensor two = Tensor::of<float>({3, 2}, {1, 10, 2, 20, 3, 30});
  auto recipe = kPairs;
  recipe.mean = {1, 0};
  recipe.deviation = {1, 10};
  const auto last = cut_series(two, recipe, {-1, 2, 2}, DType::kFloat32);
  ASSERT_TRUE(last) << last.error().to_string();
  EXPECT_EQ(last->tensor.shape(), (Shape{2, 2, 2}));
  EXPECT_THAT(last->tensor.values<float>(), ElementsAre(0, 1, 1, 2, 1, 2, 2, 3));
  recipe.columns_first = true;
  EXPECT_THAT(cut_series(two, recipe, {-1, -1, 2}, DType::kFloat32)->tensor.values<float>(), ElementsAre(0, 1, 1, 2, 1, 2, 2, 3));
  recipe.mean = {0};
  recipe.deviation.clear();
  const auto first = cut_series(two, recipe, {-1, 2, 2}, DType::kInt64);
  EXPECT_THAT(first->tensor.values<std::int64_t>(), ElementsAre(1, 2, 10, 20, 2, 3, 20, 30));
}

TEST(CutSeries, RefusesWhatDoesNotFit) {
  const auto code = [](const Tensor& series, const SeriesRecipe& recipe, const Shape& shape) {
    return cut_series(series, recipe, shape, DType::kFloat32).error().code();
  };
  EXPECT_EQ(code(line({1}), kPairs, {-1, 2}), kTensorShapeMismatch);
  EXPECT_EQ(code(line({1, 2}), kPairs, {-1, 2, 3}), kTensorShapeMismatch);
  EXPECT_EQ(code(Tensor::of<float>({1, 2, 1}, {1, 2}), kPairs, {-1, 2, 1}), kTensorShapeMismatch);
  auto recipe = kPairs;
  recipe.mean = {1, 2};
  EXPECT_EQ(code(line({1, 2}), recipe, {-1, 2}), kPreprocessingInvalid);
  const auto steps = static_cast<std::int64_t>(8192 + kSeriesElementsMax / 8192);
  const SeriesRecipe wide{.input = "x", .window = 8192, .stride = 1};
  EXPECT_EQ(code(Tensor::zeros(DType::kFloat32, {steps}), wide, {-1, -1}), kTensorTooLarge);
}

}  // namespace
}  // namespace forebay::tensors
