#include "scheduling/embedding_cache.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "engines/testing/fake_tokenizer.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;

// Keeps what is submitted until the test answers it: each text's vector is its length and the number of the run.
class HeldRunner final : public EmbeddingRunner {
 public:
  Result<> submit(EmbeddingRequest request, Done done) override {
    if (refuse) return fail(kOverloaded, "full");
    held.emplace_back(std::move(request), std::move(done));
    return {};
  }
  std::size_t clear_cache() override { return 0; }
  const engines::EmbeddingSessionInfo& session_info() const override { return info_; }
  std::size_t request_texts_max() const override { return 7; }
  RunnerStats stats() const override { return {}; }
  std::vector<DeadLetter> dead_letters() const override { return {}; }

  void answer(std::size_t index) {
    EmbeddingAnswer answer;
    ++runs;
    for (const auto& text : held[index].first.texts) answer.vectors.push_back({static_cast<float>(text.size()), static_cast<float>(runs)});
    held[index].second(std::move(answer));
  }
  void fail_one(std::size_t index) { held[index].second(fail(kDeadlinePassed, "too late")); }

  std::vector<std::pair<EmbeddingRequest, Done>> held;
  ~HeldRunner() override {
    for (std::size_t i = 0; fails_when_destroyed && i < held.size(); ++i) held[i].second(fail(kShuttingDown, "it ends"));
  }
  bool refuse = false;
  bool fails_when_destroyed = false;
  int runs = 0;

 private:
  engines::EmbeddingSessionInfo info_;
};

class EmbeddingCache : public ::testing::Test {
 protected:
  void wrap(std::uint64_t bytes_max, bool shares_caches = false) {
    auto held = std::make_unique<HeldRunner>();
    inner_ = held.get();
    runner_ =
        with_embedding_cache(std::move(held), bytes_max, {.budget = &budget_, .pressure = &pressure_, .shares_caches = shares_caches});
  }
  // The answer once it is there.
  std::shared_ptr<std::optional<Result<EmbeddingAnswer>>> ask(std::initializer_list<std::string_view> texts, CacheScope scope) {
    return ask(texts, Ticket{.cache_scope = scope});
  }
  std::shared_ptr<std::optional<Result<EmbeddingAnswer>>> ask(std::initializer_list<std::string_view> texts, Ticket ticket = {}) {
    EmbeddingRequest request{.ticket = std::move(ticket)};
    for (const auto text : texts) request.texts.push_back(fake_tokens(text));
    auto answer = std::make_shared<std::optional<Result<EmbeddingAnswer>>>();
    const auto submitted = runner_->submit(std::move(request), [answer](Result<EmbeddingAnswer> got) { answer->emplace(std::move(got)); });
    if (!submitted) answer->emplace(std::unexpected(submitted.error()));
    return answer;
  }
  // `count` texts of different lengths, in runs of their own.
  void keep(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      (void)ask({std::string(i + 1, 'x')});
      inner_->answer(inner_->held.size() - 1);
    }
  }
  EmbeddingCacheStats stats() { return runner_->stats().embedding_cache; }

  ByteBudget budget_{1 << 20};
  PressureGauge pressure_;
  std::unique_ptr<EmbeddingRunner> runner_;
  HeldRunner* inner_ = nullptr;
};

TEST_F(EmbeddingCache, ACancelledRequestThatWaitsForTheRunOfAnotherIsAnsweredAtOnce) {
  wrap(1 << 16);
  const auto first = ask({"one"});
  const CancelToken cancel;
  const auto second = ask({"one"}, {.cancel = cancel});
  ASSERT_EQ(inner_->held.size(), 1U);
  cancel.cancel(CancelReason::kClientGone);
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((*second)->error().code(), kCancelledByCaller);
  inner_->answer(0);
  EXPECT_TRUE((*first)->has_value());
}

TEST_F(EmbeddingCache, ARequestWaitsOnlyForOneThatEndsBeforeItsDeadline) {
  wrap(1 << 16);
  const Instant later = Instant() + std::chrono::hours(2);
  const auto first = ask({"one"}, {.deadline = later});
  ask({"one"}, {.deadline = later - std::chrono::hours(1)});
  EXPECT_EQ(inner_->held.size(), 2U) << "its deadline would pass unseen";
  ask({"one"}, {.deadline = later});
  ask({"one"});
  EXPECT_EQ(inner_->held.size(), 2U);
}

TEST_F(EmbeddingCache, ARequestThatWaitsIsNotComputedWhileTheRunnerEnds) {
  wrap(1 << 16);
  const auto first = ask({"one"});
  const auto second = ask({"one"});
  inner_->fails_when_destroyed = true;
  runner_.reset();
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_EQ((*second)->error().code(), kShuttingDown);
}

TEST_F(EmbeddingCache, ATextThatWasEmbeddedIsNotComputedAgain) {
  wrap(1 << 16);
  auto first = ask({"one", "three"});
  inner_->answer(0);
  auto second = ask({"three", "seventh", "one"});
  ASSERT_EQ(inner_->held.size(), 2U);
  EXPECT_EQ(inner_->held[1].first.texts, (std::vector<std::vector<Token>>{fake_tokens("seventh")}));
  inner_->answer(1);
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((**second)->vectors, (std::vector<std::vector<float>>{{5, 1}, {7, 2}, {3, 1}}));
  EXPECT_EQ((**second)->tokens, 15U);
  const auto third = ask({"one"});
  EXPECT_TRUE(third->has_value());
  const auto stats = runner_->stats().embedding_cache;
  EXPECT_EQ(stats.hits, 3U);
  EXPECT_EQ(stats.misses, 3U);
  EXPECT_EQ(stats.entries, 3U);
  EXPECT_GT(stats.bytes, 0U);
}

TEST_F(EmbeddingCache, TextsInFlightAreComputedOnceEvenWithoutACache) {
  wrap(0);
  std::vector<std::shared_ptr<std::optional<Result<EmbeddingAnswer>>>> answers;
  for (int i = 0; i < 64; ++i) answers.push_back(ask({"same"}));
  auto twice = ask({"same", "other", "other"});
  ASSERT_EQ(inner_->held.size(), 2U);
  EXPECT_EQ(inner_->held[1].first.texts.size(), 1U);
  inner_->answer(0);
  for (const auto& answer : answers) EXPECT_EQ((**answer)->vectors[0], (std::vector<float>{4, 1}));
  EXPECT_FALSE(twice->has_value());
  inner_->answer(1);
  EXPECT_EQ((**twice)->vectors[2], (std::vector<float>{5, 2}));
  EXPECT_EQ(runner_->stats().embedding_cache.entries, 0U);
  (void)ask({"same"});
  EXPECT_EQ(inner_->held.size(), 3U);
}

TEST_F(EmbeddingCache, TheFailureOfOneRequestIsNotThatOfTheOthersThatWaitForItsText) {
  wrap(1 << 16);
  auto leader = ask({"same"});
  auto follower = ask({"same"});
  inner_->fail_one(0);
  EXPECT_FALSE((**leader).has_value());
  EXPECT_FALSE(follower->has_value());
  ASSERT_EQ(inner_->held.size(), 2U);
  inner_->answer(1);
  EXPECT_TRUE((**follower).has_value());
}

TEST_F(EmbeddingCache, ARefusalReachesItsRequestAndThoseWhoWait) {
  wrap(1 << 16);
  auto leader = ask({"same"});
  auto follower = ask({"same", "new"});
  inner_->refuse = true;
  auto refused = ask({"third"});
  EXPECT_EQ((**refused).error().code(), kOverloaded);
  inner_->fail_one(0);
  EXPECT_EQ((**follower).error().code(), kOverloaded);
  inner_->answer(1);  // too late for its request: told once
  EXPECT_EQ((**follower).error().code(), kOverloaded);
}

TEST_F(EmbeddingCache, WhoIsMoreImportantDoesNotWaitForWhoIsLess) {
  wrap(1 << 16);
  const auto submit = [this](Priority priority, int& answered) {
    EmbeddingRequest request{.ticket = {.priority = priority}, .texts = {fake_tokens("same")}};
    ASSERT_TRUE(runner_->submit(std::move(request), [&answered](const auto& answer) { answered += answer.has_value() ? 1 : 100; }));
  };
  int low = 0;
  int high = 0;
  int normal = 0;
  submit(Priority::kLow, low);
  submit(Priority::kHigh, high);
  submit(Priority::kNormal, normal);
  ASSERT_EQ(inner_->held.size(), 2U);
  inner_->answer(1);
  EXPECT_EQ(low, 1);
  EXPECT_EQ(high, 1);
  EXPECT_EQ(normal, 1);
  inner_->answer(0);
  EXPECT_EQ(low, 1);
}

TEST_F(EmbeddingCache, ClearingForgetsAlsoWhatIsStillComputed) {
  wrap(1 << 16);
  auto first = ask({"one"});
  EXPECT_EQ(runner_->clear_cache(), 0U);
  inner_->answer(0);
  EXPECT_TRUE(first->has_value());
  EXPECT_EQ(runner_->stats().embedding_cache.entries, 0U);
  (void)ask({"one"});
  EXPECT_EQ(inner_->held.size(), 2U);
}

TEST_F(EmbeddingCache, HoldsItsBytesInTheBudgetAndNoMoreThanItsMaximum) {
  wrap(1 << 10);
  EXPECT_EQ(budget_.bytes_held(), 0U) << "what is not kept yet takes no memory";
  keep(20);
  EXPECT_LE(stats().bytes, 1U << 10);
  EXPECT_EQ(budget_.bytes_held(), stats().bytes);
  EXPECT_GT(stats().evictions, 0U);
  EXPECT_GT(runner_->clear_cache(), 0U);
  EXPECT_EQ(budget_.bytes_held(), 0U);
  keep(1);
  runner_.reset();
  EXPECT_EQ(budget_.bytes_held(), 0U);
}

TEST_F(EmbeddingCache, KeepsWhatTheBudgetHasRoomForAndGivesItUpForAModelThatIsLoaded) {
  auto others = *budget_.reserve(budget_.bytes_max() - 1'000, "others");
  wrap(1 << 16);
  keep(20);
  EXPECT_GT(stats().entries, 1U);
  EXPECT_LE(stats().bytes, 1'000U);
  EXPECT_FALSE(budget_.reserve(1'000, "another cache"));
  EXPECT_TRUE(budget_.reserve(1'000, "a model", ByteBudget::Shortage::kReclaim));
  EXPECT_EQ(stats().entries, 0U);
}

TEST_F(EmbeddingCache, ShrinksToAQuarterAndToNothingUnderMemoryPressure) {
  wrap(1 << 12);
  keep(15);
  EXPECT_GT(stats().bytes, 1U << 11);
  pressure_.set(PressureLevel::kElevated);
  EXPECT_LE(stats().bytes, 1U << 10);
  EXPECT_GT(stats().entries, 0U);
  pressure_.set(PressureLevel::kCritical);
  EXPECT_EQ(stats().entries, 0U);
  EXPECT_EQ(budget_.bytes_held(), 0U);
  (void)ask({"something new"});
  inner_->answer(15);
  EXPECT_EQ(stats().entries, 0U);
}

TEST_F(EmbeddingCache, APairIsNotItsTextsAlone) {
  wrap(1 << 16);
  EmbeddingRequest pair;
  pair.texts.push_back(fake_tokens("ab"));
  pair.second_from.push_back(1);
  ASSERT_TRUE(runner_->submit(std::move(pair), [](auto) {}));
  (void)ask({"ab"});
  ASSERT_EQ(inner_->held.size(), 2U);
  EXPECT_EQ(inner_->held[0].first.second_from, (std::vector<std::uint32_t>{1}));
  EXPECT_TRUE(inner_->held[1].first.second_from.empty());
}

TEST_F(EmbeddingCache, ClientsOfDifferentScopesNeitherShareVectorsNorRuns) {
  wrap(1 << 16);
  const auto mine = ask({"one"}, 1);
  const auto theirs = ask({"one"}, 2);
  EXPECT_EQ(inner_->held.size(), 2U) << "nobody waits for the run of another scope";
  inner_->answer(0);
  inner_->answer(1);
  ask({"one"}, 3);
  EXPECT_EQ(inner_->held.size(), 3U) << "what another scope left is not found";
  const auto again = ask({"one"}, 1);
  EXPECT_EQ(inner_->held.size(), 3U) << "its own is";
  EXPECT_EQ((**again)->vectors, (std::vector<std::vector<float>>{{3, 1}}));
  EXPECT_EQ((**theirs)->vectors, (std::vector<std::vector<float>>{{3, 2}}));
}

TEST_F(EmbeddingCache, AModelMayShareItsVectorsBetweenScopes) {
  wrap(1 << 16, true);
  ask({"one"}, 1);
  inner_->answer(0);
  const auto theirs = ask({"one"}, 2);
  EXPECT_EQ(inner_->held.size(), 1U);
  EXPECT_EQ((**theirs)->vectors, (std::vector<std::vector<float>>{{3, 1}}));
}

}  // namespace
}  // namespace forebay::scheduling
