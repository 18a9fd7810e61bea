#include "tensors/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

using testing::ElementsAre;

const Tensor kScores = Tensor::of<float>({2, 4}, {0.1F, 0.4F, 0.3F, 0.2F, 4, 3, 2, 1});

std::vector<std::size_t> indices(const Ranking& ranking) {
  std::vector<std::size_t> found;
  for (const auto& item : ranking) found.push_back(item.index);
  return found;
}

TEST(RankItems, GivesTheBestOfEachRow) {
  const auto ranked = rank_items(kScores, 2, std::nullopt, {});
  ASSERT_TRUE(ranked);
  EXPECT_THAT(indices(ranked->at(0)), ElementsAre(1, 2));
  EXPECT_THAT(indices(ranked->at(1)), ElementsAre(0, 1));
}

TEST(RankItems, LeavesOutWhatARowKnows) {
  const std::vector<std::string> labels = {"a", "b", "c", "d"};
  const auto ranked = rank_items(kScores, 2, Tensor::of<std::int64_t>({2, 2}, {1, -1, 0, 99}), labels);
  ASSERT_TRUE(ranked) << ranked.error().to_string();
  EXPECT_THAT(indices(ranked->at(0)), ElementsAre(2, 3));
  EXPECT_THAT(indices(ranked->at(1)), ElementsAre(1, 2));
  EXPECT_EQ(ranked->at(1).front().label, "b");
  EXPECT_THAT(indices(rank_items(kScores, 9, Tensor::of<std::int32_t>({2, 3}, {0, 1, 2, 3, 3, 3}), {})->at(0)), ElementsAre(3));
}

TEST(RankItems, RefusesIdsOfOtherRows) {
  EXPECT_EQ(rank_items(kScores, 2, Tensor::of<std::int64_t>({1, 1}, {1}), {}).error().code(), kTensorShapeMismatch);
  EXPECT_EQ(rank_items(kScores, 2, Tensor::of<std::int64_t>({2}, {1, 1}), {}).error().code(), kTensorShapeMismatch);
}

TEST(Ranking, ScoresThatAreNoNumbersAreRefusedAndRuledOutItemsLeftOut) {
  for (const float score : {std::nanf(""), std::numeric_limits<float>::infinity()})
    EXPECT_EQ(rank_items(Tensor::of<float>({1, 3}, {1, score, 3}), 2, {}, {}).error().code(), kScoreNotFinite);
  const auto rankings = rank_items(Tensor::of<float>({1, 3}, {1, -std::numeric_limits<float>::infinity(), 3}), 3, {}, {}).value();
  ASSERT_EQ(rankings.front().size(), 2U);
  EXPECT_EQ(rankings.front()[0].index, 2U);
}

}  // namespace
}  // namespace forebay::tensors
