#include "base/synchronized.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/testing/virtual_clock.h"

namespace forebay {
namespace {

template <class T>
concept DereferencesATemporaryLock = requires(Synchronized<T>& guarded) { *guarded.lock(); };
template <class T>
concept ReachesThroughATemporaryLock = requires(Synchronized<T>& guarded) { guarded.lock()->size(); };
template <class T>
concept DereferencesANamedLock = requires(Synchronized<T>::Locked& locked) {
  *locked;
  locked->size();
};

// A temporary lock is gone before its value is used, so this must not compile; with a name it must.
static_assert(!DereferencesATemporaryLock<std::vector<int>> && !ReachesThroughATemporaryLock<std::vector<int>>);
static_assert(DereferencesANamedLock<std::vector<int>>);
static_assert(!std::is_copy_constructible_v<Synchronized<int>>);

TEST(Synchronized, LosesNoUpdateBetweenThreads) {
  Synchronized<int> count(0);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2'000; ++i) {
          auto locked = count.lock();
          ++*locked;
        }
      });
    }
  }
  EXPECT_EQ(count.read([](const int& value) { return value; }), 8'000);
}

TEST(Synchronized, WaitsUntilTheValueIsReady) {
  Synchronized<bool> ready(false);
  std::condition_variable changed;
  std::jthread setter([&] {
    {
      auto locked = ready.lock();
      *locked = true;
    }
    changed.notify_all();
  });
  auto locked = ready.lock();
  locked.wait(changed, [](bool now) { return now; });
  EXPECT_TRUE(*locked);
}

TEST(Synchronized, StopsWaitingAtTheTimeGiven) {
  Synchronized<bool> never(false);
  std::condition_variable changed;
  auto locked = never.lock();
  EXPECT_FALSE(locked.wait_until(changed, std::chrono::steady_clock::now(), [](bool now) { return now; }));
}

TEST(VirtualClock, MovesOnlyWhenToldTo) {
  VirtualClock clock;
  const auto before = clock.now();
  const auto wall = clock.wall();
  EXPECT_EQ(clock.now(), before);
  clock.advance(std::chrono::milliseconds(5));
  EXPECT_EQ(clock.now() - before, std::chrono::milliseconds(5));
  EXPECT_EQ(clock.wall() - wall, std::chrono::milliseconds(5));
}

}  // namespace
}  // namespace forebay
