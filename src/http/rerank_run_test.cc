#include "http/rerank_run.h"

#include <gtest/gtest.h>

namespace forebay::http {
namespace {

using Labels = std::vector<std::string>;

Scored scored(std::vector<std::vector<float>> logits, Labels labels = {}) {
  return {.model = "m", .logits = std::move(logits), .labels = std::move(labels)};
}

TEST(Ranking, OfOneLogitIsBySigmoid) {
  const auto scores = relevance(scored({{0}, {2}, {-200}}), false);
  EXPECT_FLOAT_EQ(scores[0], 0.5F);
  EXPECT_FLOAT_EQ(scores[1], 0.8807971F);
  EXPECT_EQ(scores[2], 0);
  EXPECT_EQ(relevance(scored({{2}}), true), (std::vector<float>{2}));
}

TEST(Ranking, OfTwoClassesIsByTheSecond) {
  const auto pairs = scored({{3, 1}, {1, 3}});
  EXPECT_FLOAT_EQ(relevance(pairs, false)[0], 0.11920292F);
  EXPECT_FLOAT_EQ(relevance(pairs, false)[1], 0.880797F);
  EXPECT_EQ(relevance(pairs, true), (std::vector<float>{1, 3}));
  const auto ranked = ranking(pairs, false, 1);
  ASSERT_EQ(ranked.size(), 1U);
  EXPECT_EQ(ranked[0].index, 1U);
}

TEST(Ranking, OfTwoClassesIsByTheFirstWhereItsLabelSaysSo) {
  EXPECT_EQ(relevance(scored({{3, 1}}, {"Relevant", "irrelevant"}), true), (std::vector<float>{3}));
  EXPECT_EQ(relevant_class(Labels{"LABEL_0", "LABEL_1"}), 1U);
  EXPECT_EQ(relevant_class(Labels{"LABEL_1", "LABEL_0"}), 0U);
  EXPECT_EQ(relevant_class(Labels{"not_entailment", "entailment"}), 1U);
  EXPECT_EQ(relevant_class(Labels{"entailment", "not_entailment"}), 0U);
  EXPECT_EQ(relevant_class(Labels{"yes", "true"}), 1U) << "both or none: the second";
  EXPECT_EQ(relevant_class(Labels{}), 1U);
}

TEST(Ranking, KeepsTheOrderOfEqualOnes) {
  const auto ranked = ranking(scored({{1}, {2}, {1}, {2}}), true, 9);
  std::vector<std::size_t> order;
  for (const auto& one : ranked) order.push_back(one.index);
  EXPECT_EQ(order, (std::vector<std::size_t>{1, 3, 0, 2}));
}

}  // namespace
}  // namespace forebay::http
