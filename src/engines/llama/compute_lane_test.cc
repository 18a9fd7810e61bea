#include "engines/llama/compute_lane.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/machine.h"

namespace forebay::engines {
namespace {

std::thread::id thread_of(ComputeSeat& seat) {
  std::thread::id id;
  seat.run([&] { id = std::this_thread::get_id(); });
  return id;
}

TEST(ComputeLane, WhoIsBusyAloneComputesWhereItIs) {
  const auto seat = ComputeSeat::take(usable_cores());
  const auto idle = ComputeSeat::take(usable_cores());
  EXPECT_EQ(thread_of(*seat), std::this_thread::get_id());
  EXPECT_EQ(thread_of(*seat), std::this_thread::get_id());
}

TEST(ComputeLane, SeveralBusyOnesShareTheLanesThreadUntilTheOthersRest) {
  const auto one = ComputeSeat::take(usable_cores());
  const auto other = ComputeSeat::take(usable_cores());
  const auto here = std::this_thread::get_id();
  EXPECT_EQ(thread_of(*one), here);
  const auto lane = thread_of(*other);
  EXPECT_NE(lane, here);
  EXPECT_EQ(thread_of(*one), lane);
  other->rest();
  EXPECT_EQ(thread_of(*one), here);
  one->rest();
  EXPECT_EQ(thread_of(*other), here);
}

TEST(ComputeLane, ASeatThatIsGivenUpIsBusyNoMore) {
  const auto one = ComputeSeat::take(usable_cores());
  auto other = ComputeSeat::take(usable_cores());
  thread_of(*other);
  EXPECT_NE(thread_of(*one), std::this_thread::get_id());
  other.reset();
  EXPECT_EQ(thread_of(*one), std::this_thread::get_id());
}

TEST(ComputeLane, SessionsWhoseThreadsFillTheMachineShareALane) {
  const auto one = ComputeSeat::take(usable_cores());
  const auto other = ComputeSeat::take(usable_cores());
  EXPECT_TRUE(one->shares_lane_with(*other));
}

TEST(ComputeLane, SmallSessionsGetLanesOfTheirOwnUntilTheCoresAreUsed) {
  std::vector<std::unique_ptr<ComputeSeat>> seats;
  for (std::size_t i = 0; i < usable_cores(); ++i) {
    auto seat = ComputeSeat::take(1);
    for (const auto& other : seats) EXPECT_FALSE(seat->shares_lane_with(*other));
    seats.push_back(std::move(seat));
  }
  const auto further = ComputeSeat::take(1);
  EXPECT_TRUE(std::ranges::any_of(seats, [&](const auto& seat) { return seat->shares_lane_with(*further); }));
}

TEST(ComputeLane, RunsOneWorkAtATimeWhoeverIsBusyAndWhoeverRests) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const auto seat = ComputeSeat::take(usable_cores());
        for (int k = 0; k < 100; ++k) {
          seat->run([&] {
            most = std::max(most.load(), ++inside);
            ++done;
            --inside;
          });
          if (k % (i + 2) == 0) seat->rest();
        }
      });
    }
  }
  EXPECT_EQ(most, 1);
  EXPECT_EQ(done, 400);
}

TEST(ComputeLane, SaysHowLongARunWaitedForAnothersTurn) {
  const auto one = ComputeSeat::take(usable_cores());
  const auto other = ComputeSeat::take(usable_cores());
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  // The thread may be slow to begin to wait: again until it was not.
  while (other->waited() < std::chrono::milliseconds(5) && std::chrono::steady_clock::now() < until) {
    std::jthread waiting;
    one->run([&] {
      waiting = std::jthread([&] { other->run([] {}); });
      const auto began = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - began < std::chrono::milliseconds(20)) std::this_thread::yield();
    });
  }
  EXPECT_GE(other->waited(), std::chrono::milliseconds(5));
}

// With the library that ggml computes with here, where it is installed.
TEST(ComputeLane, RestingEndsTheTeam) {
  using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
  void* openmp = ::dlopen("libgomp.so.1", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(openmp, nullptr) << ::dlerror();
  const auto parallel = reinterpret_cast<Parallel>(::dlsym(openmp, "GOMP_parallel"));
  const auto threads = [] {
    std::set<std::string> ids;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ids.insert(task.path().filename());
    return ids;
  };
  const auto seat = ComputeSeat::take(2);
  const auto before = threads();
  seat->run([&] { parallel([](void*) {}, nullptr, 2, 0); });
  std::set<std::string> team = threads();
  std::erase_if(team, [&](const std::string& id) { return before.contains(id); });
  ASSERT_EQ(team.size(), 1U);
  seat->rest();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);  // the kernel lists one a little longer than it is joined
  while (threads().contains(*team.begin()) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_FALSE(threads().contains(*team.begin()));
}

TEST(ComputeLane, APassingThreadIsNotTheCaller) {
  std::thread::id id;
  run_on_passing_thread([&] { id = std::this_thread::get_id(); });
  EXPECT_NE(id, std::this_thread::get_id());
}

}  // namespace
}  // namespace forebay::engines
