#include "inference/scoring.h"

#include <gtest/gtest.h>

#include <future>

#include "models/errors.h"
#include "models/testing/fake_served_model.h"
#include "scheduling/errors.h"
#include "text/errors.h"

namespace forebay::inference {
namespace {

using Labels = std::vector<std::string>;

Scores scored(std::vector<std::vector<float>> logits, Labels labels = {}) {
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

TEST(Classes, AreSortedAndHaveNames) {
  const auto pairs = scored({{1, 3, 3}, {2, 0, 0}}, {"a", "b"});
  const auto raw = classes_of(pairs, 0, true);
  ASSERT_EQ(raw.size(), 3U);
  EXPECT_EQ(raw[0].label, "b");
  EXPECT_EQ(raw[0].score, 3);
  EXPECT_EQ(raw[1].label, "LABEL_2") << "equal ones keep their order";
  EXPECT_EQ(raw[2].label, "a");
  EXPECT_FLOAT_EQ(classes_of(pairs, 1, false)[0].score, 0.78698605F);
}

class ScoringService : public testing::Test {
 protected:
  Result<scheduling::EmbeddingRequest> prepared(const ScoringParams& params) { return prepare_scoring(call_, model_, params); }
  Result<Scores> scores(const ScoringParams& params) {
    TRY_ASSIGN(auto request, prepared(params));
    std::promise<Result<Scores>> promise;
    auto result = promise.get_future();
    TRY(submit_scoring(call_, model_, std::move(request), params,
                       [&promise](Result<Scores> value) { promise.set_value(std::move(value)); }));
    return result.get();
  }

  // One score a text, as a reranker gives.
  static engines::FakeOptions of_one_score() {
    engines::FakeOptions options;
    options.embedding_length = 1;
    return options;
  }

  models::FakeServedModel fake_{formats::Task::kReranking, of_one_score()};
  models::ServedModel& model_ = fake_.model();
  Call call_;
};

TEST_F(ScoringService, ScoresPairsAndTextsAlone) {
  const auto request = prepared({.texts = {{"q", "ab"}, {"q", std::nullopt}}}).value();
  EXPECT_EQ(request.texts[0], (std::vector<text::Token>{engines::kFakeBos, 'q', engines::kFakeEnd, 'a', 'b'}));
  EXPECT_EQ(request.second_from, (std::vector<std::uint32_t>{3, 2}));
  model_.description.labels = {"fits"};
  const auto found = scores({.texts = {{"q", "ab"}, {"q", "c"}}}).value();
  EXPECT_EQ(found.logits[0], engines::fake_embedding(request.texts[0], 1));
  EXPECT_EQ(found.labels, Labels{"fits"});
  EXPECT_EQ(found.model, "fake");
}

TEST_F(ScoringService, CutsTheSecondTextWithoutSplittingCharacters) {
  const auto second = [&](std::string text, std::size_t most) {
    return prepared({.texts = {{"q", std::move(text)}}, .second_tokens_max = most}).value().texts[0].size() - 3;
  };
  EXPECT_EQ(second("abcdef", 4), 4U);
  EXPECT_EQ(second("abcdef", 6), 6U);
  EXPECT_EQ(second("ab\u00e9", 3), 2U) << "a character of two bytes is whole or left out";
}

TEST_F(ScoringService, RefusesTooManyTextsAndLongOnesWithTheirIndex) {
  model_.sequence_tokens_max = 6;
  EXPECT_EQ(prepared({.texts = {{"q", "0123456789"}}}).value().texts[0].size(), 6U);
  const auto long_text = prepared({.texts = {{"q", "a"}, {"0123456789", std::nullopt}}, .truncate = false, .field = "texts"});
  ASSERT_FALSE(long_text);
  EXPECT_EQ(long_text.error().code(), text::kTextTooLong);
  EXPECT_EQ(long_text.error().field(), "texts[1]");
  ScoringParams many;
  many.texts.resize(model_.embedding->request_texts_max() + 1, {"a", std::nullopt});
  EXPECT_EQ(prepared(many).error().code(), scheduling::kTooManyTexts);
}

TEST_F(ScoringService, StopsWhenTheCallIsCancelled) {
  call_.ticket.cancel.cancel(CancelReason::kClientGone);
  EXPECT_EQ(prepared({.texts = {{"q", "a"}}}).error().kind(), ErrorKind::kCancelled);
}

TEST_F(ScoringService, NamesTheTextThatHasNoScore) {
  fake_.control().switches.not_finite_token = 'x';
  const auto refused = scores({.texts = {{"q", "a"}, {"q", "x"}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), scheduling::kVectorNotFinite);
  EXPECT_EQ(refused.error().field(), "documents[1]");
}

TEST(ScoringByClasses, DoesNotRankByMoreThanTwo) {
  models::FakeServedModel fake(formats::Task::kClassification);
  auto& model = fake.model();
  for (const ScoringKind kind : {ScoringKind::kClasses, ScoringKind::kRanking}) {
    const Call call;
    const ScoringParams params{.kind = kind, .texts = {{"a", std::nullopt}}};
    std::promise<Result<Scores>> promise;
    auto result = promise.get_future();
    ASSERT_TRUE(submit_scoring(call, model, prepare_scoring(call, model, params).value(), params,
                               [&promise](Result<Scores> value) { promise.set_value(std::move(value)); }));
    const auto found = result.get();
    if (kind == ScoringKind::kClasses) {
      ASSERT_TRUE(found);
      EXPECT_EQ(found->logits[0].size(), 8U);
    } else {
      ASSERT_FALSE(found);
      EXPECT_EQ(found.error().code(), models::kWrongTask);
      EXPECT_EQ(found.error().field(), "model");
    }
  }
}

}  // namespace
}  // namespace forebay::inference
