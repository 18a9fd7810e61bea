#include "scheduling/answer_cache.h"

#include <gtest/gtest.h>

#include "base/testing/virtual_clock.h"

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;
using tensors::Tensor;

class AnswerCacheTest : public testing::Test {
 protected:
  static TensorQuestion asking(float value) { return {{{"x", Tensor::of<float>({1, 4}, {value, 2, 3, 4})}}, {}}; }
  static tensors::NamedTensors outputs(float value) { return {{"y", Tensor::of<float>({1, 1}, {value})}}; }
  RunnerContext context() { return {.clock = &clock_, .budget = &budget_, .pressure = &pressure_, .model = "fake"}; }
  static void keep(AnswerCache& cache, float value) { cache.insert(hash_of(asking(value)), asking(value), outputs(value)); }
  static bool has(AnswerCache& cache, float value) { return cache.find(hash_of(asking(value)), asking(value)).has_value(); }
  static AnswerCacheStats stats_of(const AnswerCache& cache) {
    AnswerCacheStats stats;
    cache.report(stats);
    return stats;
  }

  VirtualClock clock_;
  ByteBudget budget_{1 << 20};
  PressureGauge pressure_;
};

TEST_F(AnswerCacheTest, GivesBackWhatWasKeptAndSaysWhereItComesFrom) {
  AnswerCache cache({}, context());
  EXPECT_FALSE(has(cache, 1));
  keep(cache, 1);
  const auto answer = cache.find(hash_of(asking(1)), asking(1));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->outputs.front().tensor.values<float>()[0], 1);
  EXPECT_EQ(answer->source, AnswerSource::kCache);
  EXPECT_EQ(stats_of(cache).hits, 1U);
  EXPECT_EQ(stats_of(cache).misses, 1U);
  EXPECT_EQ(stats_of(cache).entries, 1U);
}

TEST_F(AnswerCacheTest, IsNotFooledByAHashThatTwoQuestionsShare) {
  AnswerCache cache({}, context());
  cache.insert(7, asking(1), outputs(1));
  EXPECT_FALSE(cache.find(7, asking(2)));
  EXPECT_TRUE(cache.find(7, asking(1)));
}

TEST_F(AnswerCacheTest, TellsQuestionsApartByNameTypeShapeAndOutputs) {
  const TensorQuestion question = asking(1);
  EXPECT_TRUE(identical(question, asking(1)));
  auto other = asking(1);
  other.inputs.front().name = "z";
  EXPECT_FALSE(identical(question, other));
  other = asking(1);
  other.outputs = {"y"};
  EXPECT_FALSE(identical(question, other));
  other = asking(1);
  other.inputs.front().tensor = other.inputs.front().tensor.reshaped({4, 1}).value();
  EXPECT_FALSE(identical(question, other));
  const std::vector<std::byte> zeros(16);
  EXPECT_FALSE(identical({{{"x", Tensor::from_bytes(tensors::DType::kFloat32, {4}, zeros).value()}}, {}},
                         {{{"x", Tensor::from_bytes(tensors::DType::kInt32, {4}, zeros).value()}}, {}}));
  const TensorQuestion text{{{"x", Tensor::from_strings({2}, {"a", "b"}).value()}}, {}};
  EXPECT_FALSE(identical(text, {{{"x", Tensor::from_strings({2}, {"a", "c"}).value()}}, {}}));
  EXPECT_NE(hash_of(text), hash_of(question));
}

TEST_F(AnswerCacheTest, HashesLargeTensorsByASampleOfThem) {
  std::vector<float> values(1'000'000, 1);
  const TensorQuestion one{{{"x", Tensor::of<float>({1'000'000}, values)}}, {}};
  values.back() = 2;
  const TensorQuestion other{{{"x", Tensor::of<float>({1'000'000}, values)}}, {}};
  EXPECT_NE(hash_of(one), hash_of(other)) << "the end is always looked at";
  values.back() = 1;
  EXPECT_EQ(hash_of(one), hash_of({{{"x", Tensor::of<float>({1'000'000}, values)}}, {}}));
}

TEST_F(AnswerCacheTest, ForgetsTheOldestWhenItsBytesAreUsedUp) {
  AnswerCache one_entry({}, context());
  keep(one_entry, 1);
  const std::uint64_t bytes = stats_of(one_entry).bytes;
  AnswerCache cache({.bytes_max = 2 * bytes}, context());
  for (const float value : {1.F, 2.F, 3.F}) keep(cache, value);
  EXPECT_FALSE(has(cache, 1));
  EXPECT_TRUE(has(cache, 2));
  EXPECT_TRUE(has(cache, 3));
  EXPECT_EQ(stats_of(cache).evictions, 1U);
  AnswerCache too_small({.bytes_max = bytes - 1}, context());
  keep(too_small, 1);
  EXPECT_FALSE(has(too_small, 1));
}

TEST_F(AnswerCacheTest, ForgetsWhatIsAsOldAsItsTimeToLive) {
  AnswerCache cache({.ttl = milliseconds(100)}, context());
  keep(cache, 1);
  clock_.advance(milliseconds(99));
  EXPECT_TRUE(has(cache, 1));
  clock_.advance(milliseconds(1));
  EXPECT_FALSE(has(cache, 1));
  EXPECT_EQ(stats_of(cache).entries, 0U);
}

TEST_F(AnswerCacheTest, HoldsItsBytesInTheProcessesBudgetAndMakesRoomThere) {
  AnswerCache measure({}, context());
  keep(measure, 1);
  const std::size_t bytes = budget_.bytes_held();
  EXPECT_GT(bytes, 0U);
  EXPECT_EQ(measure.clear(), 1U);
  EXPECT_EQ(budget_.bytes_held(), 0U);

  auto others = budget_.reserve(budget_.bytes_max() - 2 * bytes, "others");
  AnswerCache cache({}, context());
  for (const float value : {1.F, 2.F, 3.F}) keep(cache, value);
  EXPECT_TRUE(has(cache, 3));
  EXPECT_EQ(stats_of(cache).entries, 2U);
  cache.clear();
  auto all = budget_.reserve(2 * bytes, "others again");
  keep(cache, 1);
  EXPECT_EQ(stats_of(cache).entries, 0U);
}

TEST_F(AnswerCacheTest, ShrinksToAQuarterAndToNothingUnderMemoryPressureThoughNothingIsAsked) {
  AnswerCache measure({}, context());
  keep(measure, 1);
  const std::size_t bytes = stats_of(measure).bytes;
  measure.clear();
  AnswerCache cache({.bytes_max = 8 * bytes}, context());
  for (int i = 0; i < 8; ++i) keep(cache, static_cast<float>(i));
  EXPECT_EQ(budget_.bytes_held(), 8 * bytes);
  pressure_.set(PressureLevel::kElevated);
  EXPECT_EQ(budget_.bytes_held(), 2 * bytes);
  EXPECT_TRUE(has(cache, 7)) << "the newest are kept";
  keep(cache, 8);
  EXPECT_EQ(stats_of(cache).entries, 2U);
  EXPECT_TRUE(has(cache, 8));
  pressure_.set(PressureLevel::kCritical);
  EXPECT_EQ(stats_of(cache).entries, 0U);
  EXPECT_EQ(budget_.bytes_held(), 0U);
  keep(cache, 9);
  EXPECT_EQ(stats_of(cache).entries, 0U);
  pressure_.set(PressureLevel::kNormal);
  keep(cache, 9);
  EXPECT_TRUE(has(cache, 9));
}

TEST_F(AnswerCacheTest, GivesItsOldestUpForAModelThatIsLoaded) {
  AnswerCache cache({}, context());
  for (const float value : {1.F, 2.F, 3.F}) keep(cache, value);
  const std::size_t bytes = budget_.bytes_held() / 3;
  const auto model = budget_.reserve(budget_.bytes_max() - bytes, "a model", ByteBudget::Shortage::kReclaim);
  EXPECT_TRUE(model);
  EXPECT_EQ(stats_of(cache).entries, 1U);
  EXPECT_TRUE(has(cache, 3));
}

TEST_F(AnswerCacheTest, DoesNotKeepARequestsBodyOrAWholeBatchAlive) {
  AnswerCache cache({}, context());
  auto body = std::make_shared<std::vector<float>>(4, 1.F);
  const std::weak_ptr<std::vector<float>> watched = body;
  {
    const TensorQuestion question{{{"x", Tensor::view(tensors::DType::kFloat32, {1, 4}, std::as_bytes(std::span(*body)), body).value()}},
                                  {}};
    cache.insert(hash_of(question), question, question.inputs);
  }
  body.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(
      cache.find(hash_of({{{"x", Tensor::of<float>({1, 4}, {1, 1, 1, 1})}}, {}}), {{{"x", Tensor::of<float>({1, 4}, {1, 1, 1, 1})}}, {}}));
}

}  // namespace
}  // namespace forebay::scheduling
