// Assignment of queued requests to workers, without threads: the workers are numbers.
#include "scheduling/dispatcher.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "base/testing/virtual_clock.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

class DispatcherTest : public ::testing::Test {
 protected:
  // Workers from 1 on, open and idle.
  void add_workers(std::size_t count, std::uint32_t sequences_max = 2) {
    for (std::size_t i = 0; i < count; ++i) {
      const WorkerId id = watches_.size() + 1;
      dispatcher.add_worker(id, &watches_.emplace_back(&clock), {});
      dispatcher.with_worker(id, [](RoutedWorker& worker) { return worker.open = true; });
      report(id, {.sequences_max = sequences_max, .cells_max = 1'000});
    }
  }
  bool report(WorkerId id, const WorkerLoad& load) {
    return dispatcher.report(id, {.load = load, .step_began = clock.now(), .worked = true, .failed = {}});
  }
  CancelToken push(std::vector<Token> prompt, std::uint32_t tokens_max = 10) {
    GenerationWork work;
    work.request.tokens_max = tokens_max;
    work.prompt_tokens = std::make_shared<const std::vector<Token>>(std::move(prompt));
    Ticket ticket;
    const CancelToken cancel = ticket.cancel;
    EXPECT_TRUE(dispatcher.push(std::move(ticket), std::move(work), clock.now()));
    return cancel;
  }
  // Length of the prompt that the worker is offered; 0: none.
  std::size_t offered(WorkerId id) {
    const auto offer = dispatcher.offer(id);
    return offer ? offer->prompt->size() : 0;
  }
  bool takes(WorkerId id) {
    const auto offer = dispatcher.offer(id);
    return offer && dispatcher.accept(id, offer->id).has_value();
  }
  bool declines(WorkerId id) {
    const auto offer = dispatcher.offer(id);
    if (offer) dispatcher.decline(id, offer->id);
    return offer.has_value();
  }

  VirtualClock clock;
  std::deque<StepWatch> watches_;
  Dispatcher dispatcher{{}, clock};
};

TEST_F(DispatcherTest, AssignsRequestsInOrderToTheLeastLoadedWorkers) {
  add_workers(2);
  for (std::size_t length = 1; length <= 5; ++length) push(std::vector<Token>(length, 'a'));
  EXPECT_EQ(offered(1), 1U);
  EXPECT_EQ(offered(2), 2U);
  EXPECT_TRUE(takes(1));
  EXPECT_EQ(offered(1), 3U);
  EXPECT_TRUE(takes(1));
  EXPECT_EQ(offered(1), 0U) << "it has as many as it takes";
  EXPECT_TRUE(takes(2));
  EXPECT_TRUE(takes(2));
  EXPECT_EQ(dispatcher.size(), 1U);
  report(2, {.sequences = 1, .sequences_max = 2, .cells_max = 1'000});
  EXPECT_EQ(offered(2), 5U) << "as soon as one of its sequences has ended";
}

TEST_F(DispatcherTest, ARequestThatEveryWorkerHasDeclinedIsNotOvertaken) {
  add_workers(2);
  push(std::vector<Token>(1, 'a'));
  push(std::vector<Token>(2, 'a'));
  EXPECT_TRUE(takes(1));
  EXPECT_TRUE(takes(2));
  push(std::vector<Token>(900, 'a'));
  push(std::vector<Token>(3, 'a'));
  EXPECT_TRUE(declines(1));
  EXPECT_EQ(offered(2), 900U) << "another worker may have room";
  EXPECT_EQ(offered(1), 3U) << "and takes what comes after it meanwhile";
  EXPECT_TRUE(declines(2));
  EXPECT_EQ(offered(1), 0U);
  EXPECT_EQ(offered(2), 0U);
  report(1, {.sequences = 1, .sequences_max = 2, .cells_needed = 129, .cells_max = 1'000});
  EXPECT_EQ(offered(1), 0U) << "nothing has become free";
  report(1, {.sequences = 0, .sequences_max = 2, .cells_max = 1'000});
  EXPECT_EQ(offered(1), 900U) << "which is asked first when something has";
}

TEST_F(DispatcherTest, AWorkerThatNeedsFewerCellsIsAskedAgain) {
  add_workers(1);
  push({'a'});
  EXPECT_TRUE(takes(1));
  report(1, {.sequences = 1, .sequences_max = 2, .cells_needed = 100, .cells_max = 1'000});
  push(std::vector<Token>(900, 'a'));
  EXPECT_TRUE(declines(1));
  report(1, {.sequences = 1, .sequences_max = 2, .cells_needed = 100, .cells_max = 1'000});
  EXPECT_EQ(offered(1), 0U);
  report(1, {.sequences = 1, .sequences_max = 2, .cells_needed = 99, .cells_max = 1'000});
  EXPECT_EQ(offered(1), 900U);
}

TEST_F(DispatcherTest, AWorkerThatCannotTakeRequestsHasNone) {
  add_workers(2);
  push({'a'});
  EXPECT_EQ(offered(1), 1U);
  watches_[0].begin(StepWatch::kNobody);
  clock.advance(std::chrono::minutes(10));
  dispatcher.look_again();
  EXPECT_EQ(offered(1), 0U) << "its step has stalled";
  EXPECT_EQ(offered(2), 1U);
  dispatcher.set_staying(1, clock.now() + std::chrono::minutes(1));
  EXPECT_EQ(offered(2), 0U) << "it is to leave";
  EXPECT_EQ(dispatcher.next_look({}), std::nullopt);
  watches_[0].end();
  report(1, {.sequences_max = 2, .cells_max = 1'000});
  EXPECT_EQ(offered(1), 1U) << "the step has returned";
}

TEST_F(DispatcherTest, AnOfferThatIsNoLongerTheWorkersIsNotAccepted) {
  add_workers(2);
  const CancelToken first = push({'a'});
  const auto offer = dispatcher.offer(1);
  ASSERT_TRUE(offer);
  EXPECT_FALSE(dispatcher.accept(2, offer->id));
  dispatcher.with_worker(1, [](RoutedWorker& worker) { return worker.open = false; });
  EXPECT_FALSE(dispatcher.accept(1, offer->id)) << "the other worker has it now";
  first.cancel(CancelReason::kClientGone);
  const auto dead = dispatcher.accept(2, offer->id);
  ASSERT_TRUE(dead);
  EXPECT_TRUE(dead->error);
  EXPECT_EQ(dispatcher.offer(2), std::nullopt);
}

TEST_F(DispatcherTest, WakesTheWorkersThatHaveSomethingToLookAt) {
  add_workers(2);
  const auto one = dispatcher.calls(1);
  const auto other = dispatcher.calls(2);
  push({'a'});
  EXPECT_NE(dispatcher.calls(1), one);
  EXPECT_EQ(dispatcher.calls(2), other);
  dispatcher.nudge();
  EXPECT_NE(dispatcher.calls(2), other);
}

TEST_F(DispatcherTest, ARequestForAWorkerThatComputesMakesTheOthersWatchItsStep) {
  add_workers(2);
  report(2, {.sequences = 1, .sequences_max = 2, .cells_max = 1'000});
  watches_[0].begin(StepWatch::kNobody);
  const auto waits = dispatcher.calls(2);
  push({'a'});
  EXPECT_EQ(offered(1), 1U);
  EXPECT_NE(dispatcher.calls(2), waits);
  const auto next = dispatcher.next_look({});
  ASSERT_TRUE(next);
  clock.advance(*next - clock.now());
  dispatcher.look_again();
  EXPECT_EQ(offered(2), 1U) << "the step has stalled";
}

// Assigned requests are the first of the queue, in order. No worker has more than it takes. No worker takes the first request that is not
// assigned.
TEST(DispatcherProperty, AssignsABeginningOfTheQueueAsFarAsWorkersTakeIt) {
  EXPECT_TRUE(rc::check("assignment", [] {
    VirtualClock clock;
    const auto strategy = *rc::gen::element(RoutingStrategy::kRoundRobin, RoutingStrategy::kLeastLoaded, RoutingStrategy::kMemoryAware,
                                            RoutingStrategy::kPrefixAffinity);
    RoutingTable table(strategy);
    RoutingTable::Queue queue({});
    std::deque<StepWatch> watches;
    const auto count = *rc::gen::inRange<std::size_t>(1, 4);
    for (std::size_t i = 0; i < count; ++i) {
      auto& worker = table.add(i, &watches.emplace_back(&clock), {});
      worker.open = *rc::gen::inRange(0, 5) > 0;
      worker.draining = *rc::gen::inRange(0, 5) == 0;
      worker.load = {.sequences = *rc::gen::inRange<std::uint32_t>(0, 3),
                     .parked = *rc::gen::inRange(0, 4) == 0 ? 1U : 0U,
                     .sequences_max = *rc::gen::inRange<std::uint32_t>(1, 4),
                     .cells_max = 1'000};
      worker.declined = *rc::gen::inRange<AdmissionOrder::Id>(1, 4);
    }
    const auto requests = *rc::gen::inRange(0, 12);
    for (int i = 0; i < requests; ++i) {
      GenerationWork work;
      work.prompt_tokens = std::make_shared<const std::vector<Token>>(*rc::gen::inRange<std::size_t>(1, 500), 'a');
      RC_ASSERT(queue.push({}, std::move(work), clock.now()));
    }
    table.assign(queue, clock.now());
    std::map<AdmissionOrder::Id, WorkerId> assigned;
    for (const auto& worker : table.workers()) {
      for (const auto id : worker->inbox) RC_ASSERT(assigned.emplace(id, worker->id).second);
      RC_ASSERT(worker->inbox.empty() || worker->load.sequences + worker->inbox.size() <= worker->load.sequences_max);
      RC_ASSERT(worker->inbox.empty() || (worker->open && !worker->draining));
      RC_ASSERT(std::ranges::is_sorted(worker->inbox));
    }
    AdmissionOrder::Id next = 1;
    for (const auto& [id, worker] : assigned) RC_ASSERT(id == next++);
    if (next > static_cast<AdmissionOrder::Id>(requests)) return;
    for (const auto& worker : table.workers()) {
      const std::size_t running = worker->load.sequences + worker->inbox.size();
      const bool declines = running > 0 && (worker->load.parked > 0 || worker->declined == next);
      RC_ASSERT(!worker->open || worker->draining || running >= worker->load.sequences_max || declines);
    }
  }));
}

}  // namespace
}  // namespace forebay::scheduling
