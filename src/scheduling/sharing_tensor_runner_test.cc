// Identical requests in flight share one run, whoever of them comes, leaves or fails.
#include "scheduling/sharing_tensor_runner.h"

#include <gtest/gtest.h>

#include <latch>
#include <map>
#include <random>
#include <thread>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/testing/runner_fixture.h"

namespace forebay::scheduling {
namespace {

using tensors::Tensor;

// Answers as they come, by the order of submission.
struct Answers {
  std::mutex mutex;
  std::map<int, Result<TensorAnswer>> by_number;
  TensorRunner::Done note(int number) {
    return [this, number](Result<TensorAnswer> answer) {
      const std::lock_guard guard(mutex);
      EXPECT_TRUE(by_number.emplace(number, std::move(answer)).second) << number << " was answered twice";
    };
  }
  std::size_t count() {
    const std::lock_guard guard(mutex);
    return by_number.size();
  }
  const Result<TensorAnswer>& of(int number) { return by_number.at(number); }
};

class SharingTensorRunnerTest : public RunnerFixture {
 protected:
  static TensorRequest asking(float value) { return {.inputs = {{"x", Tensor::of<float>({1, 4}, {value, 2, 3, 4})}}}; }
  static float first_of(const Result<TensorAnswer>& answer) { return answer->outputs.front().tensor.values<float>()[0]; }
  std::uint64_t runs() { return engine_.control().counters.runs; }

  Answers answers_;
};

TEST_F(SharingTensorRunnerTest, ComputesSixtyFourIdenticalRequestsInFlightOnce) {
  auto runner = tensor({.workers = 2});
  engine_.control().block();
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(runner->submit(asking(5), answers_.note(i)));
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 64; }));
  EXPECT_EQ(engine_.control().run_rows(), (std::vector<std::size_t>{1}));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(first_of(answers_.of(i)), 11);
  EXPECT_EQ(answers_.of(0)->source, AnswerSource::kRun);
  EXPECT_EQ(answers_.of(63)->source, AnswerSource::kShared);
  EXPECT_EQ(runner->stats().answers.shared, 63U);
  ASSERT_TRUE(runner->submit(asking(5), answers_.note(64)));
  ASSERT_TRUE(eventually([&] { return answers_.count() == 65; }));
  EXPECT_EQ(runs(), 2U) << "what has landed is not kept";
}

TEST_F(SharingTensorRunnerTest, DoesNotShareWhatDiffers) {
  auto runner = tensor({.workers = 1, .batch_rows_max = 1});
  engine_.control().block();
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(0)));
  ASSERT_TRUE(runner->submit(asking(2), answers_.note(1)));
  auto one_output = asking(1);
  one_output.outputs = {"y"};
  ASSERT_TRUE(runner->submit(std::move(one_output), answers_.note(2)));
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
  EXPECT_EQ(runs(), 3U);
  EXPECT_EQ(first_of(answers_.of(1)), 5);
}

TEST_F(SharingTensorRunnerTest, LetsAFollowerLeadWhenTheLeaderIsCancelled) {
  auto runner = tensor({.workers = 1});
  engine_.control().block();
  auto leader = asking(1);
  const CancelToken cancel = leader.ticket.cancel;
  ASSERT_TRUE(runner->submit(std::move(leader), answers_.note(0)));
  engine_.control().wait_until_blocked();
  for (int i = 1; i < 4; ++i) ASSERT_TRUE(runner->submit(asking(1), answers_.note(i)));
  cancel.cancel(CancelReason::kClientGone);
  ASSERT_TRUE(eventually([&] { return answers_.count() == 1; }));
  EXPECT_EQ(answers_.of(0).error().code(), kCancelledByCaller);
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 4; }));
  for (int i = 1; i < 4; ++i) EXPECT_EQ(first_of(answers_.of(i)), 3);
  EXPECT_EQ(runs(), 2U) << "the leader's run was aborted, and one more served the rest";
}

TEST_F(SharingTensorRunnerTest, LetsAFollowerLeadWhenTheLeadersDeadlinePassesInTheQueue) {
  auto runner = tensor({.workers = 1});
  engine_.control().block();
  ASSERT_TRUE(runner->submit(asking(9), answers_.note(9)));
  engine_.control().wait_until_blocked();
  auto leader = asking(1);
  leader.ticket.deadline = clock_.now() + std::chrono::milliseconds(5);
  ASSERT_TRUE(runner->submit(std::move(leader), answers_.note(0)));
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(1)));
  ASSERT_TRUE(eventually([&] { return answers_.count() == 1; }));
  EXPECT_EQ(answers_.of(0).error().code(), kDeadlinePassed);
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
  EXPECT_EQ(first_of(answers_.of(1)), 3);
}

TEST_F(SharingTensorRunnerTest, AnswersACancelledFollowerAtOnce) {
  auto runner = tensor({.workers = 1});
  engine_.control().block();
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(0)));
  engine_.control().wait_until_blocked();
  auto follower = asking(1);
  const CancelToken cancel = follower.ticket.cancel;
  ASSERT_TRUE(runner->submit(std::move(follower), answers_.note(1)));
  auto dead = asking(1);
  dead.ticket.cancel.cancel(CancelReason::kClientGone);
  ASSERT_TRUE(runner->submit(std::move(dead), answers_.note(2)));
  cancel.cancel(CancelReason::kClientGone);
  EXPECT_EQ(answers_.of(1).error().code(), kCancelledByCaller);
  EXPECT_EQ(answers_.of(2).error().code(), kCancelledByCaller);
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
  EXPECT_TRUE(answers_.of(0).has_value());
}

TEST_F(SharingTensorRunnerTest, LetsNobodyWaitForALeaderOfLowerPriority) {
  auto runner = tensor({.workers = 1, .batch_rows_max = 1});
  engine_.control().block();
  ASSERT_TRUE(runner->submit(asking(9), answers_.note(9)));
  engine_.control().wait_until_blocked();
  auto low = asking(1);
  low.ticket.priority = Priority::kLow;
  ASSERT_TRUE(runner->submit(std::move(low), answers_.note(0)));
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(1)));
  EXPECT_EQ(runner->stats().queued, 2U);
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
}

TEST_F(SharingTensorRunnerTest, FollowsNoLowerPriorityThatLeadsAfterACancelledLeader) {
  auto runner = tensor({.workers = 1, .batch_rows_max = 1});
  engine_.control().block();
  ASSERT_TRUE(runner->submit(asking(9), answers_.note(9)));
  engine_.control().wait_until_blocked();
  auto leader = asking(1);
  const CancelToken cancel = leader.ticket.cancel;
  ASSERT_TRUE(runner->submit(std::move(leader), answers_.note(0)));
  auto low = asking(1);
  low.ticket.priority = Priority::kLow;
  ASSERT_TRUE(runner->submit(std::move(low), answers_.note(1)));
  EXPECT_EQ(runner->stats().queued, 1U);
  cancel.cancel(CancelReason::kClientGone);
  ASSERT_TRUE(eventually([&] { return answers_.count() == 1 && runner->stats().queued == 1; })) << "the low one leads";
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(2)));
  EXPECT_EQ(runner->stats().queued, 2U) << "it does not follow";
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 4; }));
}

TEST_F(SharingTensorRunnerTest, TheMostUrgentFollowerLeadsNext) {
  auto runner = tensor({.workers = 1, .batch_rows_max = 1});
  engine_.control().block();
  ASSERT_TRUE(runner->submit(asking(9), answers_.note(9)));
  engine_.control().wait_until_blocked();
  auto leader = asking(1);
  const CancelToken cancel = leader.ticket.cancel;
  ASSERT_TRUE(runner->submit(std::move(leader), answers_.note(0)));
  auto low = asking(1);
  low.ticket.priority = Priority::kLow;
  ASSERT_TRUE(runner->submit(std::move(low), answers_.note(1)));
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(2)));
  cancel.cancel(CancelReason::kClientGone);
  ASSERT_TRUE(eventually([&] { return answers_.count() == 1 && runner->stats().queued == 1; }));
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(3)));
  EXPECT_EQ(runner->stats().queued, 1U) << "it follows one of its own priority";
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 5; }));
}

TEST_F(SharingTensorRunnerTest, TakesAsManyFollowersAsTheQueueTakesRequests) {
  auto runner = tensor({.admission = {.queue_requests_max = 4}, .workers = 1});
  engine_.control().block();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(runner->submit(asking(1), answers_.note(i)));
  engine_.control().wait_until_blocked();
  EXPECT_EQ(runner->stats().queued, 0U);
  ASSERT_TRUE(runner->submit(asking(1), answers_.note(5)));
  EXPECT_EQ(runner->stats().queued, 1U) << "the sixth waits by itself";
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 6; }));
}

TEST_F(SharingTensorRunnerTest, FailsEverybodyWithTheRunThatFailed) {
  auto runner = tensor({.workers = 1});
  engine_.control().switches.run_fails_at = 1;
  engine_.control().block();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(runner->submit(asking(1), answers_.note(i)));
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answers_.of(i).error().code(), engines::kRunFailed);
}

TEST_F(SharingTensorRunnerTest, ComputesEachRequestWhenSharingIsOff) {
  auto runner = tensor({.single_flight = false, .workers = 1, .batch_rows_max = 1});
  engine_.control().block();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(runner->submit(asking(1), answers_.note(i)));
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
  EXPECT_EQ(runs(), 3U);
}

TEST_F(SharingTensorRunnerTest, KeepsAnswersOfTheNamedModelsOnly) {
  auto kept = tensor({.cache = {.models = {"other", "fake"}}, .workers = 1});
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(kept->submit(asking(1), answers_.note(i)));
    ASSERT_TRUE(eventually([&] { return answers_.count() == static_cast<std::size_t>(i) + 1; }));
  }
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(answers_.of(2)->source, AnswerSource::kCache);
  EXPECT_EQ(first_of(answers_.of(2)), 3);
  const auto stats = kept->stats().answers;
  EXPECT_TRUE(stats.enabled);
  EXPECT_EQ(stats.hits, 2U);
  EXPECT_EQ(kept->clear_cache(), 1U);
  EXPECT_EQ(kept->stats().answers.entries, 0U);
  EXPECT_FALSE(tensor({.cache = {.models = {"other"}}})->stats().answers.enabled);
  EXPECT_TRUE(tensor({.cache = {.models = {"*"}}})->stats().answers.enabled);
}

TEST_F(SharingTensorRunnerTest, AnswersEverybodyOnceAndRightThoughManyComeAndGoAtOnce) {
  auto runner = tensor({.cache = {.models = {"*"}, .entries_max = 2}, .workers = 2, .batch_rows_max = 4});
  std::atomic<int> answered = 0;
  std::atomic<int> accepted = 0;
  std::vector<std::thread> clients;
  for (unsigned client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      std::mt19937 random(client);
      for (int i = 0; i < 300; ++i) {
        const float value = static_cast<float>(random() % 5);
        auto request = asking(value);
        request.ticket.priority = static_cast<Priority>(random() % 3);
        if (random() % 8 == 0) request.ticket.deadline = clock_.now() + std::chrono::microseconds(50);
        const CancelToken cancel = request.ticket.cancel;
        accepted += runner
                        ->submit(std::move(request),
                                 [&answered, value](Result<TensorAnswer> answer) {
                                   if (answer) {
                                     EXPECT_EQ(first_of(answer), 2 * value + 1);
                                   }
                                   ++answered;
                                 })
                        .has_value();
        if (random() % 5 == 0) cancel.cancel(CancelReason::kClientGone);
      }
    });
  }
  for (auto& client : clients) client.join();
  runner.reset();
  EXPECT_EQ(answered, accepted);
  EXPECT_EQ(engine_.control().counters.used_on_another_thread, 0U);
  EXPECT_EQ(budget_.bytes_held(), 0U);
}

TEST_F(SharingTensorRunnerTest, AnswersLeadersAndFollowersWhenDestroyed) {
  auto runner = tensor({.workers = 1});
  engine_.control().block();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(runner->submit(asking(static_cast<float>(i % 3)), answers_.note(i)));
  engine_.control().wait_until_blocked();
  runner.reset();
  ASSERT_EQ(answers_.count(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(answers_.of(i).error().code(), kShuttingDown);
}

TEST_F(SharingTensorRunnerTest, ClientsOfDifferentScopesShareNeitherRunsNorAnswers) {
  auto runner = tensor({.cache = {.models = {"*"}}, .workers = 1, .batch_rows_max = 1});
  const auto asking_as = [](CacheScope scope) {
    auto request = asking(5);
    request.ticket.cache_scope = scope;
    return request;
  };
  engine_.control().block();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(runner->submit(asking_as(static_cast<CacheScope>(i)), answers_.note(i)));
  engine_.control().release();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 3; }));
  EXPECT_EQ(runs(), 3U) << "no flight is shared";
  ASSERT_TRUE(runner->submit(asking_as(3), answers_.note(3)));
  ASSERT_TRUE(eventually([&] { return answers_.count() == 4; }));
  EXPECT_EQ(answers_.of(3)->source, AnswerSource::kRun) << "nor a kept answer";
  ASSERT_TRUE(runner->submit(asking_as(1), answers_.note(4)));
  ASSERT_TRUE(eventually([&] { return answers_.count() == 5; }));
  EXPECT_EQ(answers_.of(4)->source, AnswerSource::kCache);
}

TEST_F(SharingTensorRunnerTest, AModelMayShareAnswersBetweenScopes) {
  shares_caches_ = true;
  auto runner = tensor({.cache = {.models = {"*"}}, .workers = 1});
  for (int i = 0; i < 2; ++i) {
    auto request = asking(5);
    request.ticket.cache_scope = static_cast<CacheScope>(i + 1);
    ASSERT_TRUE(runner->submit(std::move(request), answers_.note(i)));
    ASSERT_TRUE(eventually([&] { return answers_.count() == static_cast<std::size_t>(i) + 1; }));
  }
  EXPECT_EQ(answers_.of(1)->source, AnswerSource::kCache);
}

}  // namespace
}  // namespace forebay::scheduling
