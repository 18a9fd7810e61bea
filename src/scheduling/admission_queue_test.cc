#include "scheduling/admission_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <list>
#include <map>
#include <set>

#include "base/errors.h"
#include "base/testing/virtual_clock.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {
namespace {

using std::chrono::milliseconds;
using Queue = AdmissionQueue<int>;

Ticket ticket_of(Priority priority, std::string client = "") { return Ticket{.client = std::move(client), .priority = priority}; }

int push(Queue& queue, int work, Ticket ticket, Instant now) {
  const auto pushed = queue.push(std::move(ticket), int(work), now);
  EXPECT_TRUE(pushed.has_value());
  return work;
}

std::vector<int> take_all(Queue& queue, Instant now) {
  std::vector<int> order;
  while (auto taken = queue.take(now)) order.push_back(taken->work);
  return order;
}

TEST(AdmissionQueue, ServesHighBeforeNormalBeforeLow) {
  VirtualClock clock;
  Queue queue({});
  push(queue, 1, ticket_of(Priority::kLow), clock.now());
  push(queue, 2, ticket_of(Priority::kNormal), clock.now());
  push(queue, 3, ticket_of(Priority::kHigh), clock.now());
  push(queue, 4, ticket_of(Priority::kNormal), clock.now());
  EXPECT_EQ(take_all(queue, clock.now()), (std::vector{3, 2, 4, 1}));
}

TEST(AdmissionQueue, RaisesARequestThatWaitedAnAgeingStepByOneLevelAndNoMore) {
  VirtualClock clock;
  Queue queue({.ageing_step = milliseconds(100)});
  push(queue, 1, ticket_of(Priority::kLow, "a"), clock.now());
  clock.advance(milliseconds(99));
  push(queue, 2, ticket_of(Priority::kNormal, "b"), clock.now());
  EXPECT_EQ(queue.take(clock.now())->work, 2) << "one millisecond is missing";
  push(queue, 3, ticket_of(Priority::kNormal, "b"), clock.now());
  push(queue, 4, ticket_of(Priority::kHigh, "b"), clock.now());
  clock.advance(milliseconds(1));
  EXPECT_EQ(take_all(queue, clock.now()), (std::vector{4, 3, 1})) << "raised to normal, where it is b's turn first";
}

TEST(AdmissionQueue, LetsClientsTakeTurnsInsideALevel) {
  VirtualClock clock;
  Queue queue({});
  for (int i = 1; i <= 4; ++i) push(queue, i, ticket_of(Priority::kNormal, "greedy"), clock.now());
  push(queue, 11, ticket_of(Priority::kNormal, "modest"), clock.now());
  push(queue, 12, ticket_of(Priority::kNormal, "modest"), clock.now());
  EXPECT_EQ(take_all(queue, clock.now()), (std::vector{1, 11, 2, 12, 3, 4}));
}

TEST(AdmissionQueue, RefusesAtTheHighWatermarkAndAcceptsAgainAtTheLowOne) {
  VirtualClock clock;
  Queue queue({.queue_requests_max = 4, .high_watermark = 1.0, .low_watermark = 0.5});
  for (int i = 0; i < 4; ++i) push(queue, i, {}, clock.now());
  const auto refused = queue.push({}, 9, clock.now());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kOverloaded);
  EXPECT_TRUE(refused.error().retry_after().has_value());
  (void)queue.take(clock.now());
  EXPECT_FALSE(queue.accepting()) << "three wait, the low watermark is two";
  EXPECT_FALSE(queue.push({}, 9, clock.now()).has_value());
  (void)queue.take(clock.now());
  EXPECT_TRUE(queue.accepting());
  EXPECT_TRUE(queue.push({}, 9, clock.now()).has_value());
}

TEST(AdmissionQueue, TellsFromTheMeasuredRateWhenToComeBack) {
  VirtualClock clock;
  Queue queue({.queue_requests_max = 8, .low_watermark = 0.5});
  for (int round = 0; round < 50; ++round) {
    push(queue, round, {}, clock.now());
    (void)queue.take(clock.now());
    clock.advance(milliseconds(200));
    queue.finished(clock.now());
    clock.advance(std::chrono::seconds(3));  // idle time says nothing about the rate
  }
  for (int i = 0; i < 8; ++i) push(queue, i, {}, clock.now());
  const auto refused = queue.push({}, 9, clock.now());
  ASSERT_FALSE(refused.has_value());
  EXPECT_NEAR(static_cast<double>(refused.error().retry_after()->count()), 4 * 200.0, 100.0);
}

// A queue whose server takes 100 ms for each request and is at one now, with `waiting` of client "a" behind it.
class MeasuredQueue : public testing::Test {
 protected:
  void wait_behind(int waiting) {
    for (int i = 0; i < 3; ++i) {
      push(queue_, i, {}, clock_.now());
      ASSERT_TRUE(queue_.take(clock_.now()).has_value());
      if (i == 2) break;
      clock_.advance(milliseconds(100));
      queue_.finished(clock_.now());
    }
    for (int i = 0; i < waiting; ++i) push(queue_, 10 + i, ticket_of(Priority::kNormal, "a"), clock_.now());
  }
  Result<> ask(milliseconds within, Priority priority = Priority::kNormal, std::string client = "a") {
    auto ticket = ticket_of(priority, std::move(client));
    ticket.deadline = clock_.now() + within;
    return queue_.push(std::move(ticket), 99, clock_.now());
  }
  VirtualClock clock_;
  Queue queue_{{.queue_wait_max = milliseconds(2'000)}};
};

TEST_F(MeasuredQueue, RefusesWhatCouldNotBeFinishedByItsDeadlineAtTheMeasuredRate) {
  wait_behind(5);
  const auto refused = ask(milliseconds(600));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kOverloaded);
  EXPECT_NEAR(static_cast<double>(refused.error().retry_after()->count()), 100, 2) << "five ahead, one running, and itself";
  EXPECT_TRUE(ask(milliseconds(701)).has_value());
}

TEST_F(MeasuredQueue, CountsOnlyThoseAheadThatWouldBeTakenFirst) {
  wait_behind(5);
  EXPECT_TRUE(ask(milliseconds(301), Priority::kNormal, "b").has_value()) << "its turn comes after one of a's";
  EXPECT_TRUE(ask(milliseconds(301), Priority::kHigh).has_value()) << "nobody is as urgent";
  EXPECT_FALSE(ask(milliseconds(301), Priority::kLow, "b").has_value());
}

TEST_F(MeasuredQueue, RefusesNobodyWhileNobodyWaits) {
  wait_behind(0);
  EXPECT_TRUE(ask(milliseconds(1)).has_value());
}

TEST_F(MeasuredQueue, RefusesWhatWouldNotEvenStartWithinTheLongestWait) {
  wait_behind(20);
  EXPECT_TRUE(queue_.push(ticket_of(Priority::kNormal, "a"), 98, clock_.now()).has_value());
  const auto refused = queue_.push(ticket_of(Priority::kNormal, "a"), 99, clock_.now());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kOverloaded);
}

TEST(Property08, WhatIsAcceptedWithADeadlineIsFinishedByThenWhileTheRateStaysAsItIs) {
  EXPECT_TRUE(rc::check("admission by the measured rate", [] {
    VirtualClock clock;
    Queue queue({.queue_requests_max = 1'000, .queue_wait_max = std::chrono::hours(1)});
    const milliseconds service(*rc::gen::inRange(1, 50));
    std::map<int, Instant> deadlines;
    const auto ask = [&](int work) {
      const Instant deadline = clock.now() + milliseconds(*rc::gen::inRange(1, 3'000));
      if (queue.push(Ticket{.client = "a", .deadline = deadline}, int(work), clock.now())) deadlines.emplace(work, deadline);
    };
    const auto serve_one = [&](bool must_be_in_time) {
      const auto taken = queue.take(clock.now());
      if (!taken) return false;
      RC_ASSERT(!must_be_in_time || !taken->error);
      if (taken->error) return true;
      clock.advance(service);
      queue.finished(clock.now());
      // The estimate counts a whole service time for itself and knows the rate to a thousandth.
      RC_ASSERT(!must_be_in_time || clock.now() <= deadlines.at(taken->work) + milliseconds(1));
      return true;
    };
    for (int work = 0; work < 3; ++work)
      push(queue, work, Ticket{.client = "a", .deadline = clock.now() + std::chrono::hours(1)}, clock.now());
    for (int work = 0; work < 3; ++work) deadlines.emplace(work, clock.now() + std::chrono::hours(1));
    while (serve_one(false)) {
    }
    // The first may be refused by nobody, so it gets all the time it needs.
    push(queue, 3, Ticket{.client = "a", .deadline = clock.now() + std::chrono::hours(1)}, clock.now());
    deadlines.emplace(3, clock.now() + std::chrono::hours(1));
    for (int work = 4; work < 304; ++work) ask(work);
    while (serve_one(true)) {
    }
  }));
}

TEST(AdmissionQueue, GivesOutExpiredAndCancelledRequestsFirstWithTheirError) {
  VirtualClock clock;
  Queue queue({.queue_wait_max = milliseconds(500)});
  Ticket gone = ticket_of(Priority::kNormal);
  push(queue, 1, ticket_of(Priority::kNormal), clock.now());
  push(queue, 2, Ticket{.deadline = clock.now() + milliseconds(50)}, clock.now());
  push(queue, 3, gone, clock.now());
  EXPECT_EQ(queue.next_deadline(), clock.now() + milliseconds(50));
  clock.advance(milliseconds(50));
  auto first = queue.take(clock.now());
  EXPECT_EQ(first->work, 2);
  EXPECT_EQ(first->error->code(), kDeadlinePassed);
  gone.cancel.cancel(CancelReason::kClientGone);
  queue.note_cancelled();
  auto second = queue.take_dead(clock.now());
  EXPECT_EQ(second->work, 3);
  EXPECT_EQ(second->error->code(), kCancelledByCaller);
  EXPECT_FALSE(queue.take_dead(clock.now()).has_value());
  clock.advance(milliseconds(450));
  EXPECT_EQ(queue.take(clock.now())->error->code(), kDeadlinePassed) << "queue_wait_max holds for requests without a deadline";
}

TEST(AdmissionQueue, RefusesWhatIsDeadOnArrival) {
  VirtualClock clock;
  Queue queue({});
  EXPECT_EQ(queue.push(Ticket{.deadline = clock.now()}, 1, clock.now()).error().code(), kDeadlinePassed);
  Ticket gone;
  gone.cancel.cancel(CancelReason::kClientGone);
  EXPECT_EQ(queue.push(gone, 1, clock.now()).error().code(), kCancelledByCaller);
}

TEST(AdmissionQueue, LooksPastOthersForWhatMatchesButNotFurtherThanAsked) {
  VirtualClock clock;
  Queue queue({});
  for (int i = 1; i <= 4; ++i) push(queue, i, {}, clock.now());
  const auto is_three = [](int work) { return work == 3; };
  EXPECT_FALSE(queue.take_first(clock.now(), is_three, 2).has_value());
  EXPECT_EQ(queue.take_first(clock.now(), is_three, 3)->work, 3);
  EXPECT_EQ(take_all(queue, clock.now()), (std::vector{1, 2, 4}));
}

// --- the numbered properties, against a model that keeps a plain list --------------------------------------------------

struct Waiting {
  int work;
  Priority priority;
  std::string client;
  Instant arrived;
  Instant deadline;
  CancelToken cancel;
};

AdmissionOptions random_options() {
  return {.queue_requests_max = static_cast<std::uint32_t>(*rc::gen::inRange(1, 12)),
          .high_watermark = *rc::gen::element(0.5, 0.8, 1.0),
          .low_watermark = *rc::gen::element(0.0, 0.25, 0.5),
          .ageing_step = milliseconds(*rc::gen::inRange(5, 60)),
          .queue_wait_max = milliseconds(*rc::gen::inRange(20, 400))};
}

class NaiveQueue {
 public:
  explicit NaiveQueue(AdmissionOptions options) : options_(options) {}
  int level_of(const Waiting& waiting, Instant now) const {
    return std::max<int>(0, static_cast<int>(waiting.priority) - static_cast<int>((now - waiting.arrived) / options_.ageing_step));
  }
  std::list<Waiting> entries;

 private:
  AdmissionOptions options_;
};

Waiting random_waiting(int work, Instant now) {
  return {work,
          *rc::gen::element(Priority::kHigh, Priority::kNormal, Priority::kLow),
          *rc::gen::element<std::string>("a", "b", "c"),
          now,
          now + milliseconds(*rc::gen::inRange(1, 300)),
          {}};
}

TEST(Property06, WhatIsTakenIsOfTheMostUrgentLevelAndTheOldestOfItsClientThere) {
  EXPECT_TRUE(rc::check("priority order", [] {
    VirtualClock clock;
    auto options = random_options();
    options.queue_requests_max = 64;
    options.queue_wait_max = std::chrono::hours(1);
    Queue queue(options);
    NaiveQueue naive(options);
    const int steps = *rc::gen::inRange(1, 80);
    for (int step = 0; step < steps; ++step) {
      clock.advance(milliseconds(*rc::gen::inRange(0, 20)));
      if (*rc::gen::inRange(0, 3) > 0) {
        Waiting waiting = random_waiting(step, clock.now());
        const auto pushed = queue.push(Ticket{.client = waiting.client, .priority = waiting.priority}, int(step), clock.now());
        if (pushed) naive.entries.push_back(waiting);
        continue;
      }
      const auto taken = queue.take(clock.now());
      RC_ASSERT(taken.has_value() == !naive.entries.empty());
      if (!taken) continue;
      const auto own = std::ranges::find(naive.entries, taken->work, &Waiting::work);
      const int level = naive.level_of(*own, clock.now());
      for (const Waiting& other : naive.entries) {
        RC_ASSERT(naive.level_of(other, clock.now()) >= level);
        const bool same_line = other.client == own->client && naive.level_of(other, clock.now()) == level;
        RC_ASSERT(!same_line || other.work >= own->work);
      }
      naive.entries.erase(own);
    }
  }));
}

TEST(Property07, AcceptingChangesOnlyAtTheCrossings) {
  EXPECT_TRUE(rc::check("watermark hysteresis", [] {
    VirtualClock clock;
    const auto options = random_options();
    Queue queue(options);
    const auto high = std::max<std::size_t>(1, static_cast<std::size_t>(options.queue_requests_max * options.high_watermark));
    const auto low = std::min(high - 1, static_cast<std::size_t>(options.queue_requests_max * options.low_watermark));
    bool accepting = true;
    std::size_t size = 0;
    const int steps = *rc::gen::inRange(1, 120);
    for (int step = 0; step < steps; ++step) {
      if (*rc::gen::arbitrary<bool>()) {
        const bool accepted = queue.push({}, int(step), clock.now()).has_value();
        RC_ASSERT(accepted == accepting);
        size += accepted;
        if (size >= high) accepting = false;
      } else if (queue.take(clock.now())) {
        --size;
        if (size <= low) accepting = true;
      }
      RC_ASSERT(queue.accepting() == accepting);
      RC_ASSERT(queue.size() == size);
      RC_ASSERT(size <= options.queue_requests_max);
    }
  }));
}

TEST(Property08, NothingIsGivenOutToBeComputedAfterItsDeadlineAndEveryExpiredOneIsTold) {
  EXPECT_TRUE(rc::check("timeouts fire", [] {
    VirtualClock clock;
    auto options = random_options();
    options.queue_requests_max = 64;
    Queue queue(options);
    std::map<int, Waiting> waiting;
    const int steps = *rc::gen::inRange(1, 80);
    for (int step = 0; step < steps; ++step) {
      clock.advance(milliseconds(*rc::gen::inRange(0, 60)));
      if (*rc::gen::arbitrary<bool>()) {
        Waiting one = random_waiting(step, clock.now());
        Ticket ticket{.client = one.client, .priority = one.priority, .cancel = one.cancel};
        if (*rc::gen::arbitrary<bool>())
          ticket.deadline = one.deadline;
        else
          one.deadline = clock.now() + options.queue_wait_max;
        if (queue.push(ticket, int(step), clock.now())) waiting.emplace(step, one);
      } else if (!waiting.empty() && *rc::gen::inRange(0, 4) == 0) {
        waiting.begin()->second.cancel.cancel(CancelReason::kClientGone);
        queue.note_cancelled();
      } else if (auto taken = queue.take(clock.now())) {
        const Waiting one = waiting.at(taken->work);
        waiting.erase(taken->work);
        const bool dead = one.deadline <= clock.now() || one.cancel.cancelled();
        RC_ASSERT(taken->error.has_value() == dead);
        if (!dead) {
          // Nobody who is dead waits behind somebody who is served.
          for (const auto& [work, other] : waiting) RC_ASSERT(other.deadline > clock.now() && !other.cancel.cancelled());
        }
      }
    }
  }));
}

TEST(Property01, EveryLivingRequestIsAcceptedWhileThereIsRoomAndLeavesExactlyOnce) {
  EXPECT_TRUE(rc::check("accepted and answered", [] {
    VirtualClock clock;
    Queue queue(random_options());
    std::set<int> inside;
    const int steps = *rc::gen::inRange(1, 100);
    for (int step = 0; step < steps; ++step) {
      clock.advance(milliseconds(*rc::gen::inRange(0, 50)));
      if (*rc::gen::arbitrary<bool>()) {
        const bool was_accepting = queue.accepting();
        const Waiting one = random_waiting(step, clock.now());
        const bool accepted =
            queue.push(Ticket{.client = one.client, .priority = one.priority, .deadline = one.deadline}, int(step), clock.now())
                .has_value();
        RC_ASSERT(accepted == was_accepting);
        if (accepted) inside.insert(step);
      } else if (auto taken = queue.take(clock.now())) {
        RC_ASSERT(inside.erase(taken->work) == 1U);
      }
      RC_ASSERT(queue.size() == inside.size());
    }
    while (auto taken = queue.take(clock.now())) RC_ASSERT(inside.erase(taken->work) == 1U);
    RC_ASSERT(inside.empty());
  }));
}

}  // namespace
}  // namespace forebay::scheduling
