#include "tensors/postprocess.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

TEST(Softmax, SumsToOneAlongTheLastDimension) {
  const auto result = softmax(Tensor::of<float>({2, 2}, {0, 0, 1000, 999}));
  ASSERT_TRUE(result);
  const auto values = result->values<float>();
  EXPECT_FLOAT_EQ(values[0], 0.5f);
  EXPECT_FLOAT_EQ(values[2], 1 / (1 + std::exp(-1.0f)));
  EXPECT_FLOAT_EQ(values[2] + values[3], 1);
}

TEST(Softmax, TakesOtherTypesAndEmptyTensors) {
  EXPECT_FLOAT_EQ(softmax(Tensor::of<std::int64_t>({1}, {7}))->values<float>()[0], 1);
  EXPECT_EQ(softmax(Tensor::zeros(DType::kFloat32, {3, 0}))->size(), 0u);
  EXPECT_EQ(softmax(Tensor::of<float>({}, {1})).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(softmax(Tensor::zeros(DType::kString, {1})).error().code(), kTensorTypeMismatch);
}

TEST(TopK, GivesTheBestFirstWithTheirLabels) {
  const std::vector<std::string> labels = {"cat", "dog", "owl"};
  const auto rankings = top_k(Tensor::of<float>({2, 3}, {0.1f, 0.7f, 0.2f, 0.5f, 0.5f, 0}), 2, labels);
  ASSERT_TRUE(rankings);
  ASSERT_EQ(rankings->size(), 2u);
  EXPECT_EQ((*rankings)[0], (Ranking{{1, "dog", 0.7f}, {2, "owl", 0.2f}}));
  EXPECT_EQ((*rankings)[1], (Ranking{{0, "cat", 0.5f}, {1, "dog", 0.5f}}));
}

TEST(TopK, PutsNotANumberLast) {
  const auto rankings = top_k(Tensor::of<float>({3}, {std::nanf(""), -1, -INFINITY}), 9, {});
  ASSERT_TRUE(rankings);
  ASSERT_EQ(rankings->at(0).size(), 3u);
  EXPECT_EQ(rankings->at(0)[0].index, 1u);
  EXPECT_EQ(rankings->at(0)[2].index, 0u);
}

TEST(TopK, RefusesLabelsThatDoNotFit) {
  const std::vector<std::string> labels = {"cat", "dog"};
  EXPECT_EQ(top_k(Tensor::of<float>({3}, {1, 2, 3}), 1, labels).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(top_k(Tensor::of<float>({}, {1}), 1, {}).error().code(), kTensorShapeMismatch);
  EXPECT_TRUE(top_k(Tensor::zeros(DType::kFloat32, {0, 3}), 1, labels)->empty());
}

RC_GTEST_PROP(TopK, IsTheBeginningOfTheSortedScores, (const std::vector<std::int8_t>& scores)) {
  RC_PRE(!scores.empty());
  const auto k = *rc::gen::inRange<std::size_t>(0, scores.size() + 2);
  const auto rankings = top_k(Tensor::of<std::int8_t>({static_cast<std::int64_t>(scores.size())}, scores), k, {});
  RC_ASSERT(rankings.has_value());
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  const Ranking& ranking = rankings->at(0);
  RC_ASSERT(ranking.size() == std::min(k, scores.size()));
  for (std::size_t i = 0; i < ranking.size(); ++i) RC_ASSERT(ranking[i].index == order[i]);
}

}  // namespace
}  // namespace forebay::tensors
