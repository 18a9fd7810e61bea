#include "engines/llama/compute_lane.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "base/machine.h"

namespace forebay::engines {
namespace {

std::thread::id thread_of(ComputeLane& lane) {
  std::thread::id id;
  lane.run([&] { id = std::this_thread::get_id(); });
  return id;
}

TEST(ComputeLane, ComputesOnOneThreadWhoeverAsks) {
  const auto lane = ComputeLane::take(usable_cores());
  std::set<std::thread::id> seen;
  for (int i = 0; i < 4; ++i) std::jthread([&] { seen.insert(thread_of(*lane)); }).join();
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_FALSE(seen.contains(std::this_thread::get_id()));
}

TEST(ComputeLane, SessionsWhoseThreadsFillTheMachineShareALane) {
  const auto one = ComputeLane::take(usable_cores());
  const auto other = ComputeLane::take(usable_cores());
  EXPECT_EQ(one, other);
}

TEST(ComputeLane, SmallSessionsGetLanesOfTheirOwnUntilTheCoresAreUsed) {
  std::set<std::shared_ptr<ComputeLane>> lanes;
  for (std::size_t i = 0; i < usable_cores(); ++i) lanes.insert(ComputeLane::take(1));
  EXPECT_EQ(lanes.size(), usable_cores());
  EXPECT_TRUE(lanes.contains(ComputeLane::take(1)));
}

TEST(ComputeLane, RunsOneWorkAtATime) {
  const auto lane = ComputeLane::take(usable_cores());
  int inside = 0;
  int most = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 100; ++k) {
          lane->run([&] {
            most = std::max(most, ++inside);
            --inside;
          });
        }
      });
    }
  }
  EXPECT_EQ(most, 1);
}

TEST(ComputeLane, APassingThreadIsNotTheCaller) {
  std::thread::id id;
  run_on_passing_thread([&] { id = std::this_thread::get_id(); });
  EXPECT_NE(id, std::this_thread::get_id());
}

}  // namespace
}  // namespace forebay::engines
