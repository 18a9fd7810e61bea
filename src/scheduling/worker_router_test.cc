#include "scheduling/worker_router.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>
#include <vector>

namespace forebay::scheduling {
namespace {

using enum RoutingStrategy;

std::vector<WorkerSnapshot> random_workers() {
  const auto count = *rc::gen::inRange<std::size_t>(0, 7);
  std::vector<WorkerSnapshot> workers;
  for (std::size_t i = 0; i < count; ++i) {
    WorkerSnapshot worker;
    worker.healthy = *rc::gen::inRange(0, 4) > 0;
    worker.draining = *rc::gen::inRange(0, 5) == 0;
    worker.declines = *rc::gen::inRange(0, 6) == 0;
    worker.sequences_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 9));
    worker.running = static_cast<std::uint32_t>(*rc::gen::inRange(0, 9));
    worker.cells_max = 1000;
    worker.cells_free = static_cast<std::uint64_t>(*rc::gen::inRange(0, 5)) * 100;
    worker.prefix_tokens = static_cast<std::size_t>(*rc::gen::element(0, 0, 31, 32, 64, 500));
    workers.push_back(worker);
  }
  return workers;
}

RoutingStrategy any_strategy() { return *rc::gen::element(kRoundRobin, kLeastLoaded, kMemoryAware, kPrefixAffinity); }

bool anyone_takes(const std::vector<WorkerSnapshot>& workers) {
  return std::ranges::any_of(workers, [](const auto& worker) { return worker.takes(); });
}
double load(const WorkerSnapshot& worker) { return static_cast<double>(worker.running) / worker.sequences_max; }

// The lowest index of those that take a request and have the smallest value.
template <class Value>
std::optional<std::size_t> naive_least(const std::vector<WorkerSnapshot>& workers, Value value) {
  std::optional<std::size_t> best;
  for (std::size_t i = workers.size(); i-- > 0;) {
    if (workers[i].takes() && (!best || value(workers[i]) <= value(workers[*best]))) best = i;
  }
  return best;
}

TEST(Property16, TheLeastLoadedWorkerIsChosenAndOfEqualsTheFirst) {
  EXPECT_TRUE(rc::check("least loaded", [] {
    const auto workers = random_workers();
    RC_ASSERT(WorkerRouter(kLeastLoaded).choose(workers) == naive_least(workers, load));
  }));
}

TEST(Property17, TheWorkerWithMostFreeCellsIsChosenWhereMemoryCounts) {
  EXPECT_TRUE(rc::check("memory aware", [] {
    const auto workers = random_workers();
    const auto chosen = WorkerRouter(kMemoryAware).choose(workers);
    RC_ASSERT(chosen == naive_least(workers, [](const auto& worker) { return -static_cast<double>(worker.cells_free); }));
  }));
}

TEST(Property18, WorkersThatAreUnhealthyDrainingOrFullGetNothingWhateverTheStrategy) {
  EXPECT_TRUE(rc::check("unhealthy workers get nothing", [] {
    WorkerRouter router(any_strategy());
    for (int i = 0; i < 20; ++i) {
      const auto workers = random_workers();
      const auto chosen = router.choose(workers);
      RC_ASSERT(chosen.has_value() == anyone_takes(workers));
      if (!chosen) continue;
      RC_ASSERT(*chosen < workers.size());
      const WorkerSnapshot& worker = workers[*chosen];
      RC_ASSERT(worker.healthy && !worker.draining && !worker.declines && worker.running < worker.sequences_max);
      router.placed(*chosen);
      if (*rc::gen::inRange(0, 3) == 0) router.set_strategy(any_strategy());
    }
  }));
}

TEST(Property19, AWorkerThatRecoveredIsGivenRequestsAgain) {
  EXPECT_TRUE(rc::check("recovered workers return", [] {
    WorkerRouter router(any_strategy());
    std::vector<WorkerSnapshot> workers(*rc::gen::inRange<std::size_t>(1, 6),
                                        {.sequences_max = 100, .cells_free = 1'000, .cells_max = 1'000});
    const auto place = [&] {
      const auto chosen = router.choose(workers);
      RC_ASSERT(chosen.has_value());
      router.placed(*chosen);
      ++workers[*chosen].running;
      workers[*chosen].cells_free -= 10;
      return *chosen;
    };
    const auto sick = *rc::gen::inRange<std::size_t>(0, workers.size());
    workers[sick].healthy = false;
    if (workers.size() > 1) {
      for (int i = 0; i < 20; ++i) RC_ASSERT(place() != sick);
    } else {
      RC_ASSERT(!router.choose(workers).has_value());
    }
    workers[sick].healthy = true;
    bool returned = false;
    for (std::size_t i = 0; i < workers.size() && !returned; ++i) returned = place() == sick;
    RC_ASSERT(returned);
  }));
}

TEST(WorkerRouter, GivesEachWorkerItsTurn) {
  EXPECT_TRUE(rc::check("round robin", [] {
    WorkerRouter router(kRoundRobin);
    auto workers = random_workers();
    std::set<std::size_t> taking;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (workers[i].takes()) taking.insert(i);
    }
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i < taking.size(); ++i) {
      const auto chosen = router.choose(workers);
      RC_ASSERT(chosen && seen.insert(*chosen).second);
      router.placed(*chosen);
    }
    RC_ASSERT(seen == taking);
  }));
}

TEST(WorkerRouter, SendsARequestWhereItsBeginningWasComputedAndElseToTheLeastLoaded) {
  const WorkerRouter router(kPrefixAffinity);
  std::vector<WorkerSnapshot> workers{{.running = 0, .sequences_max = 8},
                                      {.running = 3, .sequences_max = 8, .prefix_tokens = 320},
                                      {.running = 1, .sequences_max = 8, .prefix_tokens = 64}};
  EXPECT_EQ(router.choose(workers), 1U);
  workers[1].declines = true;
  EXPECT_EQ(router.choose(workers), 2U);
  workers[2].prefix_tokens = 31;
  EXPECT_EQ(router.choose(workers), 0U) << "31 tokens are not worth it";
  workers[2].prefix_tokens = 32;
  EXPECT_EQ(router.choose(workers), 2U);
}

TEST(WorkerRouter, LeavesTheLongestPrefixWhenItsWorkerIsHalfItsSequencesBusierThanTheLeastLoaded) {
  const WorkerRouter router(kPrefixAffinity);
  std::vector<WorkerSnapshot> workers{{.running = 1, .sequences_max = 8}, {.running = 5, .sequences_max = 8, .prefix_tokens = 1'000}};
  EXPECT_EQ(router.choose(workers), 1U) << "four more, of eight";
  workers[1].running = 6;
  EXPECT_EQ(router.choose(workers), 0U);
}

TEST(WorkerRouter, NamesOfStrategiesGoBothWays) {
  for (const auto strategy : {kRoundRobin, kLeastLoaded, kMemoryAware, kPrefixAffinity}) {
    EXPECT_EQ(routing_strategy_named(name_of(strategy)), strategy);
  }
  EXPECT_FALSE(routing_strategy_named("random").has_value());
}

}  // namespace
}  // namespace forebay::scheduling
