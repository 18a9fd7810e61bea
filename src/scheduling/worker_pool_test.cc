// The workers of a generation model through its runner: who gets what, what happens when one breaks, and when their number changes.
#include "scheduling/worker_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <future>
#include <thread>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/testing/runner_fixture.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;
using std::chrono::milliseconds;

class WorkerPools : public RunnerFixture {
 protected:
  static GenerationOptions quick(std::uint32_t workers) {
    GenerationOptions options;
    options.workers = workers;
    options.cells = "unified";
    options.health.restart_delay_min = milliseconds(1);
    options.health.restart_delay_max = milliseconds(4);
    options.health.probation_steps = 2;
    return options;
  }
  std::vector<std::uint32_t> running(const GenerationRunner& runner) {
    std::vector<std::uint32_t> found;
    for (const auto& worker : runner.workers()) found.push_back(worker.running);
    return found;
  }
  std::shared_ptr<TokenChannel> submitted(GenerationRunner& runner, GenerationRequest request) {
    auto channel = runner.submit(std::move(request));
    EXPECT_TRUE(channel.has_value()) << channel.error().to_string();
    return channel ? *channel : std::make_shared<TokenChannel>(0);
  }
  bool becomes(const GenerationRunner& runner, std::size_t worker, std::string_view state) {
    return eventually([&] { return runner.workers().at(worker).state == state; });
  }
  engines::FakeControl& control() { return engine_.control(); }
};

TEST_F(WorkerPools, RequestsThatComeTogetherGoToDifferentWorkers) {
  for (const char* strategy : {"round_robin", "least_loaded", "memory_aware", "prefix_affinity"}) {
    auto options = quick(3);
    options.strategy = strategy;
    auto runner = generation(options);
    control().block();
    std::vector<std::shared_ptr<TokenChannel>> channels;
    for (std::size_t i = 0; i < 3; ++i) {
      channels.push_back(submitted(*runner, greedy("request " + std::to_string(i), 4)));
      control().wait_until_blocked(i + 1);
    }
    control().release();
    for (const auto& channel : channels) EXPECT_TRUE(read_to_end(*channel).finished_with(FinishReason::kLength)) << strategy;
  }
}

TEST_F(WorkerPools, AnIdleWorkerTakesWhatWaitsForAWorkerThatIsFull) {
  auto options = quick(2);
  options.sequences_max = 1;
  auto runner = generation(options);
  control().block();
  std::vector<std::shared_ptr<TokenChannel>> channels;
  for (int i = 0; i < 4; ++i) channels.push_back(submitted(*runner, greedy("request " + std::to_string(i), 3)));
  control().wait_until_blocked(2);
  control().release();
  for (const auto& channel : channels) EXPECT_TRUE(read_to_end(*channel).finished_with(FinishReason::kLength));
}

// A request that needs most of the cells comes while the workers are full, and before many small ones.
TEST_F(WorkerPools, ALargeRequestIsNotOvertakenByTheSmallOnesBehindIt) {
  static constexpr Token kLarge = 1;  // only in its prompt
  constexpr std::uint64_t kSmall = 200;
  for (const std::string cells : {"unified", "separate"}) {
    for (const std::uint32_t workers : {1U, 2U}) {
      const GenerationRunner* runner = nullptr;
      std::optional<std::uint64_t> served_before;
      engines::FakeEngine engine({.on_step = [&](std::span<const engines::StepSlice> slices) {
        const bool has_large = std::ranges::any_of(slices, [](const auto& slice) { return std::ranges::contains(slice.tokens, kLarge); });
        if (has_large && !served_before) served_before = runner->stats().finished;
      }});
      auto options = quick(workers);
      options.cells = cells;
      options.context_tokens = cells == "unified" ? 512 : 8 * 512;
      options.admission.queue_requests_max = 1'000;
      auto opened =
          GenerationRunner::open(load_fake(engine, formats::Task::kTextGeneration), options, {.clock = &clock_, .budget = &budget_});
      ASSERT_TRUE(opened.has_value());
      runner = opened->get();
      const auto submit_one = [&](std::vector<Token> prompt, std::uint64_t tokens_max) {
        auto request = request_of(std::move(prompt), static_cast<std::uint32_t>(tokens_max));
        request.sampling.temperature = 0;
        return submitted(**opened, std::move(request));
      };
      const auto submit_small = [&](std::uint64_t i) {
        std::vector<Token> prompt(60, static_cast<Token>('a' + i % 26));
        prompt.front() = static_cast<Token>(100 + i % 100);
        return submit_one(std::move(prompt), 5 + i * 7 % 33);
      };
      std::vector<std::shared_ptr<TokenChannel>> channels;
      engine.control().block();
      for (std::uint64_t i = 0; i < 8; ++i) channels.push_back(submit_small(i));
      engine.control().wait_until_blocked(workers);
      auto large = submit_one(std::vector<Token>(400, kLarge), 4);
      for (std::uint64_t i = 8; i < kSmall; ++i) channels.push_back(submit_small(i));
      engine.control().release();
      EXPECT_TRUE(read_to_end(*large).finished_with(FinishReason::kLength));
      for (const auto& channel : channels) read_to_end(*channel);
      EXPECT_LE(served_before.value_or(kSmall), kSmall / 4) << cells << ", workers: " << workers;
    }
  }
}

TEST_F(WorkerPools, ARequestGoesWhereItsBeginningWasComputed) {
  auto options = quick(2);
  options.strategy = "prefix_affinity";
  auto runner = generation(options);
  const std::string beginning(100, 'b');
  control().block();
  auto first = submitted(*runner, greedy("somebody else", 3));
  control().wait_until_blocked(1);
  auto second = submitted(*runner, greedy(beginning, 3));
  control().wait_until_blocked(2);
  control().release();
  read_to_end(*first);
  read_to_end(*second);
  ASSERT_TRUE(eventually([&] { return running(*runner) == std::vector<std::uint32_t>{0, 0}; }));
  const Stream again = generate(*runner, greedy(beginning + "!", 3));
  EXPECT_EQ(again.end().usage.cached_prompt_tokens, 100U) << "the first worker is as idle, but the second has the cells";
}

TEST_F(WorkerPools, TheStrategyIsSwitchedWhileServing) {
  auto runner = generation(quick(2));
  EXPECT_EQ(runner->strategy(), "least_loaded");
  EXPECT_TRUE(runner->set_strategy("round_robin").has_value());
  EXPECT_EQ(runner->strategy(), "round_robin");
  EXPECT_EQ(runner->set_strategy("random").error().code(), kSchedulingOptionInvalid);
  EXPECT_EQ(generate(*runner, greedy("x", 5)).tokens, undisturbed(fake_tokens("x"), 5));
}

TEST_F(WorkerPools, TheTextsOfABrokenWorkerGoOnAsIfNothingHadHappened) {
  // The first session that steps for several texts at once breaks in that step.
  control().switches.break_slices_min = 2;
  control().switches.sessions_to_break = 1;
  auto options = quick(2);
  options.health.failures_in_a_row_max = 1;
  auto runner = generation(options);
  std::vector<std::shared_ptr<TokenChannel>> channels;
  // All are there before the first step ends, however slowly they come: the next steps have several of them.
  control().block();
  for (int i = 0; i < 16; ++i) channels.push_back(submitted(*runner, greedy("request " + std::to_string(i), 40)));
  control().release();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    EXPECT_EQ(read_to_end(*channels[i]).tokens, undisturbed(fake_tokens("request " + std::to_string(i)), 40));
  }
  EXPECT_GE(runner->stats().retries, 2U);
  EXPECT_TRUE(eventually([&] { return runner->stats().restarts == 1; }));
  EXPECT_EQ(runner->stats().dead_letters, 0U);
  EXPECT_EQ(control().counters.used_on_another_thread, 0U) << "the session ended on its own thread";
}

TEST_F(WorkerPools, WithOneWorkerTextsWaitForItsRestartHoweverOftenItsSessionIsRefused) {
  auto options = quick(1);
  options.health.failures_in_a_row_max = 1;
  auto runner = generation(options);
  control().block();
  auto first = submitted(*runner, greedy("one", 20));
  control().wait_until_blocked();
  auto second = submitted(*runner, greedy("two", 20));
  control().switches.sessions_to_break = 1;
  control().switches.open_fails = true;
  control().release();
  EXPECT_TRUE(becomes(*runner, 0, "removed"));
  control().switches.open_fails = false;
  EXPECT_EQ(read_to_end(*second).tokens, undisturbed(fake_tokens("two"), 20));
  EXPECT_TRUE(read_to_end(*first).failed_with(engines::kStepFailed)) << "it was alone in the step that failed";
  EXPECT_TRUE(becomes(*runner, 0, "healthy"));
}

TEST_F(WorkerPools, BeyondTheRetryBudgetTextsFailWithTheStepsErrorAndAreRemembered) {
  auto options = quick(1);
  options.health.failures_in_a_row_max = 1;
  options.retry = {.request_share = 0, .per_second_min = 0, .burst_max = 0};
  auto runner = generation(options);
  control().block();
  std::vector<std::shared_ptr<TokenChannel>> channels;
  auto request = greedy("one", 20);
  request.ticket.request_id = "r-0";
  request.ticket.client = "client";
  channels.push_back(submitted(*runner, std::move(request)));
  control().wait_until_blocked();
  for (const char* prompt : {"two", "three"}) channels.push_back(submitted(*runner, greedy(prompt, 20)));
  control().release_some(1);
  ASSERT_TRUE(eventually([&] { return control().counters.steps >= 2; })) << "with all three";
  control().switches.sessions_to_break = 1;
  control().release();
  for (const auto& channel : channels) EXPECT_TRUE(read_to_end(*channel).failed_with(engines::kStepFailed));
  const auto letters = runner->dead_letters();
  ASSERT_EQ(letters.size(), 3U);
  EXPECT_EQ(letters.back().model, "fake");
  const auto own = std::ranges::find(letters, "r-0", &DeadLetter::request_id);
  ASSERT_NE(own, letters.end());
  EXPECT_EQ(own->client, "client");
  EXPECT_EQ(own->code, "FB3021 step_failed");
  EXPECT_EQ(own->attempts, 1U);
  EXPECT_GE(own->tokens_generated, 1U);
}

TEST_F(WorkerPools, AModelWhoseRequestsKeepFailingIsLeftAloneForAWhile) {
  auto options = quick(1);
  options.health.failures_in_a_row_max = 1'000;
  options.breaker = {.requests_min = 5, .open_for = std::chrono::hours(1)};
  auto runner = generation(options);
  control().switches.sessions_to_break = 1;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(generate(*runner, greedy("x", 3)).failed_with(engines::kStepFailed));
  const auto refused = runner->submit(greedy("x", 3));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kBreakerOpen);
  EXPECT_GT(refused.error().retry_after(), std::chrono::minutes(59));
  EXPECT_EQ(runner->stats().breaker, "open");
  EXPECT_EQ(runner->stats().breaker_openings, 1U);
}

TEST_F(WorkerPools, AWorkerWhoseStepDoesNotReturnGetsNothingUntilItDoes) {
  auto options = quick(2);
  options.health.step_stalled_after = milliseconds(5);
  auto runner = generation(options);
  control().block();
  auto stalled = submitted(*runner, greedy("stalled", 40));
  control().wait_until_blocked();
  EXPECT_TRUE(becomes(*runner, 0, "removed"));
  EXPECT_EQ(runner->workers()[1].state, "healthy");
  control().release();
  EXPECT_EQ(read_to_end(*stalled).tokens, undisturbed(fake_tokens("stalled"), 40));
  EXPECT_TRUE(becomes(*runner, 0, "healthy")) << "forty steps are proof enough";
}

TEST_F(WorkerPools, ARequestForAWorkerWhoseStepThenStallsGoesToAnother) {
  auto options = quick(2);
  options.strategy = "prefix_affinity";
  options.health.step_stalled_after = milliseconds(300);
  auto runner = generation(options);
  const std::string beginning(100, 'b');
  control().block();
  auto first = submitted(*runner, greedy(beginning, 3));
  control().wait_until_blocked(1);
  auto second = submitted(*runner, greedy(beginning, 3));  // the first worker is to have it
  EXPECT_TRUE(eventually([&] { return control().counters.steps == 2U; }));
  control().release();
  EXPECT_TRUE(read_to_end(*first).finished_with(FinishReason::kLength));
  EXPECT_TRUE(read_to_end(*second).finished_with(FinishReason::kLength));
}

TEST_F(WorkerPools, AWorkerThatLeavesEndsWhatItRunsAndTakesNothingNew) {
  auto runner = generation(quick(2));
  control().block();
  auto first = submitted(*runner, greedy("first", 10));
  control().wait_until_blocked(1);
  auto second = submitted(*runner, greedy("second", 10));
  control().wait_until_blocked(2);
  ASSERT_TRUE(runner->set_workers(1).has_value());
  EXPECT_EQ(runner->workers().at(1).state, "draining");
  EXPECT_EQ(runner->stats().workers, 1U);
  auto third = submitted(*runner, greedy("third", 10));
  control().release();
  EXPECT_EQ(read_to_end(*first).tokens, undisturbed(fake_tokens("first"), 10));
  EXPECT_EQ(read_to_end(*second).tokens, undisturbed(fake_tokens("second"), 10));
  EXPECT_EQ(read_to_end(*third).tokens, undisturbed(fake_tokens("third"), 10));
  EXPECT_TRUE(eventually([&] { return runner->workers().size() == 1; }));
  EXPECT_TRUE(eventually([&] { return control().counters.sessions_open == 1U; }));
}

TEST_F(WorkerPools, AfterTheDrainTimeoutOthersContinueTheTexts) {
  auto options = quick(2);
  options.drain_timeout = milliseconds(0);
  auto runner = generation(options);
  control().block();
  auto first = submitted(*runner, greedy("first", 30));
  control().wait_until_blocked(1);
  auto second = submitted(*runner, greedy("second", 30));
  control().wait_until_blocked(2);
  ASSERT_TRUE(runner->set_workers(1).has_value());
  control().release();
  EXPECT_EQ(read_to_end(*first).tokens, undisturbed(fake_tokens("first"), 30));
  EXPECT_EQ(read_to_end(*second).tokens, undisturbed(fake_tokens("second"), 30));
  EXPECT_EQ(runner->stats().retries, 0U) << "nothing failed";
}

TEST_F(WorkerPools, TheNumberOfWorkersHasItsLimits) {
  auto options = quick(1);
  options.workers_max = 3;
  auto runner = generation(options);
  EXPECT_EQ(runner->set_workers(0).error().code(), kSchedulingOptionInvalid);
  EXPECT_EQ(runner->set_workers(4).error().code(), kSchedulingOptionInvalid);
  EXPECT_TRUE(runner->set_workers(3).has_value());
  EXPECT_EQ(runner->stats().workers, 3U);
}

TEST_F(WorkerPools, NoWorkerIsAddedThatTheMemoryBudgetHasNoRoomFor) {
  auto runner = generation(quick(1));
  const auto all = budget_.reserve(budget_.bytes_max() - budget_.bytes_held(), "everything");
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(runner->set_workers(2).error().code(), kBudgetExhausted);
  EXPECT_EQ(runner->stats().workers, 1U);
}

TEST_F(WorkerPools, AWorkerThatHasLeftGivesItsMemoryBack) {
  auto options = quick(3);
  auto runner = generation(options);
  const std::size_t one = budget_.bytes_held() / 3;
  EXPECT_EQ(one, load_fake(engine_, formats::Task::kTextGeneration)->generation_session_bytes(engines::GenerationSessionOptions()));
  ASSERT_TRUE(runner->set_workers(5).has_value());
  EXPECT_EQ(budget_.bytes_held(), 5 * one);
  EXPECT_EQ(runner->stats().session_bytes, 5 * one);
  ASSERT_TRUE(runner->set_workers(2).has_value());
  EXPECT_TRUE(eventually([&] { return budget_.bytes_held() == 2 * one; })) << "without another change of the number";
  EXPECT_EQ(runner->stats().session_bytes, 2 * one);
}

TEST_F(WorkerPools, AFurtherWorkerTakesTheMemoryOfAnotherModelsSavedStates) {
  auto options = quick(1);
  options.sequences_max = 1;
  auto saving = generation(options);
  // Each text leaves its cells for RAM when another one begins.
  for (Token letter = 'a'; letter < 'k'; ++letter) generate(*saving, request_of(std::vector<Token>(200, letter), 2));
  const std::uint64_t saved = saving->stats().prefix_cache.ram.bytes;
  ASSERT_GT(saved, 2'000U);
  auto runner = generation(quick(1));
  const std::size_t one = runner->stats().session_bytes;
  const std::size_t free = budget_.bytes_max() - budget_.bytes_held();
  const auto others = budget_.reserve(free - (one - 1'000), "others");
  ASSERT_TRUE(others.has_value());
  EXPECT_TRUE(runner->set_workers(2).has_value());
  EXPECT_LT(saving->stats().prefix_cache.ram.bytes, saved);
  EXPECT_GT(saving->stats().prefix_cache.ram.bytes, 0U) << "no more than was needed";
}

using Property20AtRunTime = WorkerPools;
TEST_F(Property20AtRunTime, ThereAreAsManyWorkersAsWereAskedForLastWhateverWasAskedForBefore) {
  EXPECT_TRUE(rc::check("worker count", [this] {
    auto options = quick(static_cast<std::uint32_t>(*rc::gen::inRange(1, 4)));
    options.workers_max = 4;
    auto runner = generation(options);
    const int changes = *rc::gen::inRange(1, 12);
    std::uint32_t wanted = options.workers;
    for (int i = 0; i < changes; ++i) {
      const auto count = static_cast<std::uint32_t>(*rc::gen::inRange(0, 6));
      const bool taken = runner->set_workers(count).has_value();
      RC_ASSERT(taken == (count >= 1 && count <= 4));
      if (taken) wanted = count;
      RC_ASSERT(runner->stats().workers == wanted);
      if (*rc::gen::arbitrary<bool>()) RC_ASSERT(generate(*runner, greedy("x", 2)).finished_with(FinishReason::kLength));
    }
    RC_ASSERT(eventually([&] { return runner->workers().size() == wanted && control().counters.sessions_open == wanted; }));
    runner.reset();
    RC_ASSERT(control().counters.sessions_open == 0U);
    RC_ASSERT(budget_.bytes_held() == 0U);
  }));
}

TEST_F(WorkerPools, TensorModelsHaveABreakerAndDeadLettersToo) {
  engines::FakeEngine broken({.run = [](const auto&) { return fail(kInternalError, "broken"); }});
  auto runner = TensorRunner::open(load_fake(broken, formats::Task::kTensors), TensorOptions{.breaker = {.requests_min = 3}, .workers = 1},
                                   {.clock = &clock_, .model = "numbers"});
  for (int i = 0; i < 3; ++i) {
    std::promise<bool> failed;
    ASSERT_TRUE((*runner)->submit(one_row(), [&](Result<TensorAnswer> answer) { failed.set_value(!answer); }).has_value());
    EXPECT_TRUE(failed.get_future().get());
  }
  const auto refused = (*runner)->submit(one_row(), [](Result<TensorAnswer>) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kBreakerOpen);
  EXPECT_EQ((*runner)->dead_letters().size(), 3U);
  EXPECT_EQ((*runner)->dead_letters().front().model, "numbers");
}

}  // namespace
}  // namespace forebay::scheduling
