#include "telemetry/percentiles.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "base/testing/virtual_clock.h"

namespace forebay::telemetry {
namespace {

using namespace std::chrono_literals;

TEST(Percentiles, AreZeroWithoutValues) {
  const VirtualClock clock;
  const LatencySummary summary = Percentiles(clock).summary();
  EXPECT_EQ(summary.count, 0u);
  EXPECT_EQ(summary.p99, 0ns);
}

TEST(Percentiles, ForgetWhatIsOlderThanTheWindow) {
  VirtualClock clock;
  Percentiles percentiles(clock, {.window = 60s, .slices = 6});
  percentiles.record(1s);
  clock.advance(30s);
  percentiles.record(2s);
  EXPECT_EQ(percentiles.summary().count, 2u);
  clock.advance(30s);
  EXPECT_EQ(percentiles.summary().count, 1u);
  EXPECT_EQ(percentiles.summary().max, 2s);
  clock.advance(1h);
  EXPECT_EQ(percentiles.summary().count, 0u);
  percentiles.record(3s);
  EXPECT_EQ(percentiles.summary().count, 1u);
}

TEST(Percentiles, SayHowManyThereAreInASecond) {
  VirtualClock clock;
  Percentiles percentiles(clock, {.window = 60s, .slices = 6});
  for (int i = 0; i < 100; ++i) percentiles.record(1ms);
  EXPECT_DOUBLE_EQ(percentiles.summary().per_second, 100);
  clock.advance(10s);
  EXPECT_DOUBLE_EQ(percentiles.summary().per_second, 10);
}

TEST(Percentiles, HoldTheEndsOfTheirRange) {
  const VirtualClock clock;
  Percentiles percentiles(clock);
  percentiles.record(-5ns);
  percentiles.record(0ns);
  EXPECT_EQ(percentiles.summary().max, 0ns);
  percentiles.record(24h);
  EXPECT_EQ(percentiles.summary().max, std::chrono::nanoseconds((std::int64_t{1} << 42) - 1));
}

// Against sorting: never too low, and at most 1/32 too high.
RC_GTEST_PROP(Percentiles, AreThoseOfTheSortedValues, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(
      rc::gen::map(rc::gen::pair(rc::gen::inRange<std::int64_t>(0, 1 << 20), rc::gen::inRange(0, 20)),
                   [](const auto& p) { return p.first << p.second; })));
  const VirtualClock clock;
  Percentiles percentiles(clock);
  for (const std::int64_t value : values) percentiles.record(std::chrono::nanoseconds(value));
  auto sorted = values;
  std::ranges::sort(sorted);
  const LatencySummary summary = percentiles.summary();
  RC_ASSERT(summary.count == values.size());
  RC_ASSERT(summary.max.count() == sorted.back());
  for (const auto& [share, found] : {std::pair(0.5, summary.p50), std::pair(0.9, summary.p90), std::pair(0.99, summary.p99)}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    const std::int64_t exact = sorted[rank - 1];
    RC_ASSERT(found.count() >= exact);
    RC_ASSERT(found.count() <= exact + exact / 32);
  }
}

TEST(Percentiles, LoseNothingWhenThreadsShareThem) {
  const VirtualClock clock;
  Percentiles percentiles(clock);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1'000; ++i) percentiles.record(1ms);
      });
    }
  }
  EXPECT_EQ(percentiles.summary().count, 4'000u);
  EXPECT_EQ(percentiles.summary().mean, 1ms);
}

}  // namespace
}  // namespace forebay::telemetry
