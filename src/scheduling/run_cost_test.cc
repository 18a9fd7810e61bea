#include "scheduling/run_cost.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace forebay::scheduling {
namespace {

using std::chrono::microseconds;

// A machine on which a run takes `fixed`, and each row `each`.
void learn(RunCost& cost, std::initializer_list<std::size_t> sizes, microseconds fixed, microseconds each) {
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t rows : sizes) cost.note(rows, fixed + each * rows);
  }
}

TEST(RunCost, KnowsNothingBeforeTheFirstRun) {
  RunCost cost;
  EXPECT_FALSE(cost.of(1));
  EXPECT_EQ(cost.rows_within(std::chrono::hours(1), 64), 0U);
  EXPECT_EQ(cost.batch_rows(20, 3, 64), 20U);
  EXPECT_EQ(cost.batch_rows(200, 3, 64), 64U);
}

TEST(RunCost, DrawsALineBetweenTheSizesItKnows) {
  RunCost cost;
  learn(cost, {1, 16}, microseconds(100), microseconds(10));
  EXPECT_EQ(cost.of(1), microseconds(110));
  EXPECT_EQ(cost.of(16), microseconds(260));
  EXPECT_EQ(cost.of(4), microseconds(140));
  EXPECT_EQ(cost.of(32), microseconds(520)) << "beyond the last one the rate stays";
}

TEST(RunCost, TakesTheSecondRunOfASizeForTheFirstWhichIsSlow) {
  RunCost cost;
  cost.note(1, microseconds(5'000));
  EXPECT_EQ(cost.of(1), microseconds(5'000));
  cost.note(1, microseconds(100));
  EXPECT_EQ(cost.of(1), microseconds(100));
}

TEST(RunCost, IsNotThrownOffByOneInterruptedRun) {
  RunCost cost;
  learn(cost, {1}, microseconds(0), microseconds(100));
  cost.note(1, std::chrono::seconds(1));
  EXPECT_LT(*cost.of(1), microseconds(150));
}

TEST(RunCost, SaysHowManyRowsFitIntoATime) {
  RunCost cost;
  learn(cost, {1, 32}, microseconds(50), microseconds(10));
  EXPECT_EQ(cost.rows_within(microseconds(59), 64), 0U);
  EXPECT_EQ(cost.rows_within(microseconds(60), 64), 1U);
  EXPECT_EQ(cost.rows_within(microseconds(150), 64), 10U);
  EXPECT_EQ(cost.rows_within(microseconds(150), 8), 8U);
}

TEST(RunCost, SharesWhatWaitsAmongIdleWorkersUnlessARunIsTooShort) {
  RunCost slow;
  learn(slow, {1, 16}, microseconds(100), microseconds(100));
  EXPECT_EQ(slow.batch_rows(16, 0, 64), 16U);
  EXPECT_EQ(slow.batch_rows(16, 1, 64), 8U);
  EXPECT_EQ(slow.batch_rows(16, 3, 64), 4U);
  EXPECT_EQ(slow.batch_rows(1, 3, 64), 1U);
  RunCost quick;
  learn(quick, {1, 16}, microseconds(5), microseconds(1));
  EXPECT_EQ(quick.batch_rows(16, 3, 64), 16U);
}

TEST(RunCost, TakesNoLargerBatchThanGivesTheBestRate) {
  RunCost linear;  // batches gain nothing: one row at a time answers soonest
  learn(linear, {1, 2, 4, 8, 16, 32}, microseconds(0), microseconds(1'000));
  EXPECT_EQ(linear.batch_rows(32, 0, 64), 1U);
  RunCost cached;  // beyond eight rows the machine's caches are too small
  learn(cached, {1, 2, 4, 8}, microseconds(400), microseconds(100));
  learn(cached, {16, 32}, microseconds(0), microseconds(300));
  EXPECT_EQ(cached.batch_rows(32, 0, 64), 8U);
  RunCost growing;  // the largest size known is the best: there may be better ones
  learn(growing, {1, 2, 4, 8}, microseconds(4'000), microseconds(1));
  EXPECT_EQ(growing.batch_rows(50, 0, 64), 50U);
}

TEST(RunCost, TriesALargeBatchNowAndThenAllTheSame) {
  RunCost linear;
  learn(linear, {1, 32}, microseconds(0), microseconds(1'000));
  std::size_t large = 0;
  for (int i = 0; i < 640; ++i) large += linear.batch_rows(32, 0, 64) == 32;
  EXPECT_EQ(large, 10U);
}

RC_GTEST_PROP(RunCost, NeverChoosesNothingOrMoreThanWaitsOrMoreThanTheLimit, ()) {
  RunCost cost;
  const auto runs =
      *rc::gen::container<std::vector<std::pair<int, int>>>(rc::gen::pair(rc::gen::inRange(1, 300), rc::gen::inRange(1, 1'000'000)));
  for (const auto& [rows, nanoseconds] : runs) cost.note(static_cast<std::size_t>(rows), std::chrono::nanoseconds(nanoseconds));
  const auto waiting = *rc::gen::inRange<std::size_t>(1, 1000);
  const auto rows_max = *rc::gen::inRange<std::size_t>(1, 256);
  const auto chosen = cost.batch_rows(waiting, *rc::gen::inRange<std::size_t>(0, 8), rows_max);
  RC_ASSERT(chosen >= 1);
  RC_ASSERT(chosen <= waiting);
  RC_ASSERT(chosen <= rows_max);
  RC_ASSERT(cost.rows_within(std::chrono::microseconds(*rc::gen::inRange(0, 1000)), rows_max) <= rows_max);
}

}  // namespace
}  // namespace forebay::scheduling
