// The runners with their threads: every request is answered exactly once, whoever comes, goes or destroys.
#include "scheduling/runners.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <latch>
#include <thread>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/testing/runner_fixture.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;

using Runners = RunnerFixture;

TEST_F(Runners, GenerateForManyClientsAtOnceWithSeveralWorkers) {
  auto runner = generation({.workers = 2, .sequences_max = 3});
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 10; ++i) {
        const std::string prompt = "client " + std::to_string(client) + " asks " + std::to_string(i);
        auto channel = runner->submit(greedy(prompt, 15));
        ASSERT_TRUE(channel.has_value());
        const Stream stream = read_to_end(**channel);
        EXPECT_TRUE(stream.finished_with(FinishReason::kLength));
        EXPECT_EQ(stream.tokens, undisturbed(fake_tokens(prompt), 15));
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(runner->stats().accepted, 40U);
  runner.reset();
  EXPECT_EQ(engine_.control().counters.used_on_another_thread, 0U);
  EXPECT_EQ(engine_.control().counters.bad_steps, 0U);
  EXPECT_EQ(engine_.control().counters.sessions_open, 0U);
}

TEST_F(Runners, AnswerEveryGenerationOnceThoughClientsVanishAndTheRunnerIsDestroyed) {
  auto runner = generation({.admission = {.queue_requests_max = 20}, .workers = 2, .sequences_max = 2, .context_tokens = 200});
  std::vector<std::shared_ptr<TokenChannel>> channels;
  std::vector<CancelToken> tokens;
  for (int i = 0; i < 60; ++i) {
    auto request = greedy("request " + std::to_string(i), 100);
    tokens.push_back(request.ticket.cancel);
    auto channel = runner->submit(std::move(request));
    if (channel)
      channels.push_back(*channel);
    else
      EXPECT_EQ(channel.error().code(), kOverloaded);
  }
  std::thread vanishing([&tokens] {
    for (std::size_t i = 0; i < tokens.size(); i += 3) tokens[i].cancel(CancelReason::kClientGone);
  });
  runner.reset();
  vanishing.join();
  for (const auto& channel : channels) {
    Stream stream;
    stream.read(*channel);
    EXPECT_EQ(stream.ends, 1U);
    EXPECT_TRUE(stream.ended_last);
  }
  EXPECT_EQ(engine_.control().counters.sessions_open, 0U);
}

TEST_F(Runners, TellAQueuedClientThatItsDeadlinePassedWhileAllWorkersAreBusy) {
  auto runner = generation({.sequences_max = 1});
  engine_.control().block();
  auto busy = runner->submit(greedy("busy", 5));
  engine_.control().wait_until_blocked();
  auto late = greedy("late", 5);
  late.ticket.deadline = clock_.now() + std::chrono::milliseconds(5);
  auto channel = runner->submit(std::move(late));
  ASSERT_TRUE(channel.has_value());
  EXPECT_TRUE(read_to_end(**channel).failed_with(kDeadlinePassed));
  auto leaving = greedy("leaving", 5);
  const CancelToken cancel = leaving.ticket.cancel;
  auto left = runner->submit(std::move(leaving));
  cancel.cancel(CancelReason::kClientGone);
  EXPECT_TRUE(read_to_end(**left).finished_with(FinishReason::kCancelled));
  engine_.control().release();
  EXPECT_TRUE(read_to_end(**busy).finished_with(FinishReason::kLength));
}

// Time passes only by steps, a millisecond each, and the three hundred come while one of them is being computed.
TEST(Overload, OfThreeHundredAtOnceTheAcceptedFinishInTimeAndTheOthersAreRefusedAtOnce) {
  VirtualClock clock;
  engines::FakeEngine engine({.on_step = [&clock](const auto&) { clock.advance(std::chrono::milliseconds(1)); }});
  GenerationOptions options;
  options.admission.queue_requests_max = 1'000;
  options.cells = "unified";
  options.sequences_max = 4;
  options.context_tokens = 2'000;
  auto runner = GenerationRunner::open(load_fake(engine, formats::Task::kTextGeneration), options, {.clock = &clock});
  ASSERT_TRUE(runner.has_value());
  const auto read = [](TokenChannel& channel) {
    Stream stream;
    while (stream.ends == 0) {
      if (auto event = channel.pop_until(Instant::max())) {
        stream.ends += event->kind != TokenEvent::Kind::kToken;
        stream.events.push_back(*std::move(event));
      }
    }
    return stream;
  };
  std::vector<std::shared_ptr<TokenChannel>> channels;
  // All are there before the first step ends: how many share a step does not depend on how fast they come.
  engine.control().block();
  for (int i = 0; i < 40; ++i) channels.push_back(*(*runner)->submit(greedy("measured " + std::to_string(i), 10)));
  engine.control().release();
  for (const auto& channel : channels) EXPECT_TRUE(read(*channel).finished_with(FinishReason::kLength));
  channels.clear();

  engine.control().block();
  std::size_t refused = 0;
  for (int i = 0; i < 300; ++i) {
    auto request = greedy("request " + std::to_string(i), 10);
    request.ticket.deadline = clock.now() + std::chrono::milliseconds(200);
    auto channel = (*runner)->submit(std::move(request));
    if (channel) {
      channels.push_back(*channel);
    } else {
      EXPECT_EQ(channel.error().code(), kOverloaded);
      EXPECT_TRUE(channel.error().retry_after().has_value());
      ++refused;
    }
    if (i == 0) engine.control().wait_until_blocked();  // no step begins while the others come
  }
  engine.control().release();
  std::size_t late = 0;
  for (const auto& channel : channels) late += !read(*channel).finished_with(FinishReason::kLength);
  // Four at a time, ten steps each: eighty in 200 ms.
  EXPECT_GE(channels.size(), 60U);
  EXPECT_LE(channels.size(), 82U);
  EXPECT_EQ(channels.size() + refused, 300U);
  EXPECT_LE(late, 2U) << "those that were expected to end with the very last step";
}

TEST_F(Runners, APromptIsOnDiskAfterARestartUnlessTheCacheWasCleared) {
  GenerationOptions options{.sequences_max = 2, .context_tokens = 600};
  options.cache.disk_path = folder();
  const std::string prompt(200, 'p');
  std::string text;
  for (const std::uint32_t cached : {0U, 199U}) {
    auto runner = generation(options);
    const Stream stream = generate(*runner, greedy(prompt, 8));
    ASSERT_TRUE(stream.finished_with(FinishReason::kLength));
    EXPECT_EQ(stream.end().usage.cached_prompt_tokens, cached);
    if (cached > 0) {
      EXPECT_EQ(stream.text, text);
    }
    text = stream.text;
    EXPECT_EQ(runner->stats().prefix_cache.disk.hits, cached > 0 ? 1U : 0U);
  }
  {
    auto runner = generation(options);
    EXPECT_EQ(runner->stats().prefix_cache.disk.entries, 1U);
    runner->clear_cache();
    EXPECT_EQ(generate(*runner, greedy(prompt, 8)).end().usage.cached_prompt_tokens, 0U);
    EXPECT_EQ(generate(*runner, greedy(prompt, 8)).end().usage.cached_prompt_tokens, 199U);
    runner->clear_cache();
    EXPECT_EQ(generate(*runner, greedy(prompt, 8)).end().usage.cached_prompt_tokens, 0U);
    runner->clear_cache();
  }
  auto runner = generation(options);
  EXPECT_EQ(runner->stats().prefix_cache.disk.entries, 0U);
  EXPECT_EQ(budget_.bytes_held(), runner->stats().session_bytes);
}

TEST_F(Runners, OnDiskEveryAdapterHasItsOwnStates) {
  GenerationOptions options{.sequences_max = 2, .context_tokens = 600};
  options.cache.disk_path = folder();
  std::filesystem::create_directories(folder_);
  const auto path = (folder_ / "polite.gguf").string();
  const auto cached = [&](const std::string& adapter) {
    auto runner = generation(options);
    auto request = greedy(std::string(200, 'p'), 4);
    request.adapter = adapter;
    return generate(*runner, std::move(request)).end().usage.cached_prompt_tokens;
  };
  std::ofstream(path) << "weights";
  adapters_ = {{"polite", path, 1}};
  EXPECT_EQ(cached("polite"), 0U);
  EXPECT_EQ(cached(""), 0U);
  EXPECT_EQ(cached("polite"), 199U);
  EXPECT_EQ(cached(""), 199U);
  std::ofstream(path) << "other weights";
  EXPECT_EQ(cached("polite"), 0U);
  EXPECT_EQ(cached(""), 199U);
}

TEST_F(Runners, APromptAloneIsCountedAndWritesNothing) {
  auto runner = generation({});
  auto request = greedy("Once", 0);
  request.prompt_only = true;
  const Stream stream = generate(*runner, request);
  EXPECT_TRUE(stream.finished_with(FinishReason::kLength));
  EXPECT_EQ(stream.text, "");
  EXPECT_EQ(stream.end().usage.prompt_tokens, 4U);
  EXPECT_EQ(stream.end().usage.generated_tokens, 0U);
  request.prompt.clear();
  EXPECT_EQ(runner->submit(request).error().code(), kPromptEmpty);
}

TEST_F(Runners, SayHowManyRequestsCanWait) {
  EXPECT_EQ(generation({.admission = {.queue_requests_max = 20}})->queue_requests_max(), 20U);
  EXPECT_EQ(generation({.admission = {.queue_requests_max = 20, .high_watermark = 0.5, .low_watermark = 0.25}})->queue_requests_max(), 10U);
}

TEST_F(Runners, AnAdapterThatIsNotServedIsRefused) {
  adapters_ = {{"polite", "polite.gguf", 1}};
  auto runner = generation({.sequences_max = 1, .context_tokens = 64});
  auto request = greedy("a", 2);
  request.adapter = "rude";
  EXPECT_EQ(runner->submit(std::move(request)).error().code(), kAdapterUnknown);
  adapters_ = {{"polite", "", 1}};
  EXPECT_FALSE(GenerationRunner::open(load_fake(engine_, formats::Task::kTextGeneration), {},
                                      {.clock = &clock_, .budget = &budget_, .adapters = adapters_}));
}

TEST_F(Runners, WhatIsRunningWhenTheModelIsUnloadedIsOnDiskToo) {
  GenerationOptions options{.sequences_max = 2, .context_tokens = 600};
  options.cache.disk_path = folder();
  auto runner = generation(options);
  engine_.control().block();
  auto channel = runner->submit(greedy(std::string(200, 'p'), 100));
  ASSERT_TRUE(channel.has_value());
  engine_.control().wait_until_blocked();
  engine_.control().release_some(1);
  ASSERT_EQ((*channel)->pop_until(clock_.now() + std::chrono::minutes(1))->kind, TokenEvent::Kind::kToken) << "the prompt is computed";
  engine_.control().wait_until_blocked();
  runner.reset();
  EXPECT_TRUE(read_to_end(**channel).failed_with(kShuttingDown));
  engine_.control().release();
  EXPECT_EQ(generate(*generation(options), greedy(std::string(200, 'p'), 4)).end().usage.cached_prompt_tokens, 199U);
}

using Property02 = Runners;
TEST_F(Property02, EveryInvalidGenerationRequestIsRefusedWithItsReason) {
  auto runner = generation({.sequences_max = 1, .context_tokens = 64});
  const auto refusal = [&](auto change) {
    auto request = greedy("fine", 5);
    change(request);
    auto channel = runner->submit(std::move(request));
    return channel ? std::string("accepted") : std::string(channel.error().code().name);
  };
  EXPECT_EQ(refusal([](auto&) {}), "accepted");
  EXPECT_EQ(refusal([](auto& request) { request.prompt.clear(); }), kPromptEmpty.name);
  EXPECT_EQ(refusal([](auto& request) { request.prompt.assign(63, 'x'); }), "accepted");
  EXPECT_EQ(refusal([](auto& request) { request.prompt.assign(64, 'x'); }), kPromptTooLong.name);
  EXPECT_EQ(refusal([](auto& request) { request.prompt = {engines::kFakeVocabularySize}; }), kPromptTokenInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.prompt = {-1}; }), kPromptTokenInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.tokens_min = 6; }), kTokenLimitsInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.logprobs = 20; }), "accepted");
  EXPECT_EQ(refusal([](auto& request) { request.logprobs = 21; }), kLogprobsInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.stop_strings.assign(16, "x"); }), "accepted");
  EXPECT_EQ(refusal([](auto& request) { request.stop_strings.assign(17, "x"); }), kStopInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.stop_strings = {""}; }), kStopInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.stop_strings = {std::string(1025, 'x')}; }), kStopInvalid.name);
  EXPECT_EQ(refusal([](auto& request) { request.sampling.temperature = -1; }), engines::kBadSampling.name);
}

TEST_F(Runners, AFullModelRefusesBeforeASamplerIsMade) {
  auto runner = generation({.admission = {.queue_requests_max = 2}, .sequences_max = 1});
  engine_.control().block();
  auto running = runner->submit(greedy("running", 2));
  engine_.control().wait_until_blocked();
  std::vector<std::shared_ptr<TokenChannel>> waiting;
  for (int i = 0; i < 2; ++i) waiting.push_back(*runner->submit(greedy("waiting", 2)));
  auto costly = greedy("costly", 2);
  costly.sampling.grammar = "this takes long, and is wrong";
  const auto refused = runner->submit(costly);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), kOverloaded);
  EXPECT_TRUE(refused.error().retry_after().has_value());
  EXPECT_EQ(runner->stats().refused, 1U);
  engine_.control().release();
  for (const auto& channel : waiting) EXPECT_TRUE(read_to_end(*channel).finished_with(FinishReason::kLength));
}

TEST_F(Runners, ARequestWithAWrongSamplingSaysNothingAboutTheModel) {
  auto runner = generation({.breaker = {.requests_min = 1, .probes_max = 1}});
  for (int i = 0; i < 50; ++i) {
    auto wrong = greedy("x", 2);
    wrong.sampling.grammar = "wrong";
    const auto refused = runner->submit(std::move(wrong));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), engines::kBadSampling);
  }
  EXPECT_EQ(runner->stats().refused, 0U);
  EXPECT_EQ(runner->stats().breaker, "closed");
  EXPECT_TRUE(generate(*runner, greedy("x", 2)).finished_with(FinishReason::kLength));
}

using Property20 = Runners;
TEST_F(Property20, ThereAreAsManyWorkersAsConfigured) {
  std::uint64_t opened = 0;
  for (std::uint32_t workers = 1; workers <= 4; ++workers) {
    EXPECT_EQ(generation({.workers = workers})->stats().workers, workers);
    EXPECT_EQ(tensor({.workers = workers})->stats().workers, workers);
    opened += 2ULL * workers;
    EXPECT_EQ(engine_.control().counters.sessions_opened, opened);
    EXPECT_EQ(engine_.control().counters.sessions_open, 0U) << "each worker took its session with it";
  }
}

TEST_F(Runners, LetTheirSessionsRestWhenThereIsNothingToDo) {
  auto runner = generation({});
  auto embedder = embedding({});
  const auto& rests = engine_.control().counters.rests;
  ASSERT_TRUE(eventually([&] { return rests >= 2; })) << "a worker that has started waits";
  const std::uint64_t before = rests;
  generate(*runner, greedy("a", 3));
  EXPECT_TRUE(eventually([&] { return rests > before; }));
}

TEST_F(Runners, SaveWhatTheNextRequestWouldDisplaceWhileThereIsNothingToDo) {
  auto runner = generation({.sequences_max = 2, .context_tokens = 1024, .cells = "separate"});
  for (const char letter : {'a', 'b'}) generate(*runner, greedy(std::string(100, letter), 3));
  EXPECT_TRUE(eventually([&] { return runner->stats().prefix_cache.ram.entries == 2; }));
  generate(*runner, greedy(std::string(100, 'c'), 3));
  EXPECT_TRUE(eventually([&] { return runner->stats().prefix_cache.ram.entries == 3; }));
  EXPECT_EQ(engine_.control().counters.saves, 3U) << "what had to go was saved already";
}

TEST_F(Runners, PassOnWhyASessionCannotBeOpened) {
  auto model = load_fake(engine_, formats::Task::kTextGeneration);
  engine_.control().switches.open_fails = true;
  EXPECT_EQ(GenerationRunner::open(model, {}, {.clock = &clock_, .budget = &budget_}).error().code(), engines::kSessionRefused);
  EXPECT_EQ(GenerationRunner::open(model, {.workers = 0}, {.clock = &clock_, .budget = &budget_}).error().code(), kSchedulingOptionInvalid);
}

TEST_F(Runners, AnswerEveryTensorRequestOnceWithManySubmittersAndCancels) {
  auto runner = tensor({.single_flight = false, .workers = 2, .batch_rows_max = 8});
  std::atomic<int> answered = 0;
  std::atomic<int> accepted = 0;
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 200; ++i) {
        auto request = one_row();
        const CancelToken cancel = request.ticket.cancel;
        if (runner->submit(std::move(request), [&answered](Result<TensorAnswer>) { ++answered; })) ++accepted;
        if (i % 7 == client) cancel.cancel(CancelReason::kClientGone);
      }
    });
  }
  for (auto& client : clients) client.join();
  runner.reset();
  EXPECT_EQ(answered, accepted);
  EXPECT_EQ(engine_.control().counters.used_on_another_thread, 0U);
}

TEST_F(Runners, BatchTensorRequestsThatWaitWhileTheWorkerIsBusy) {
  auto runner = tensor({.single_flight = false, .workers = 1, .batch_rows_max = 8});
  engine_.control().block();
  std::latch all(9);
  const auto done = [&all](Result<TensorAnswer> answer) {
    EXPECT_TRUE(answer.has_value());
    all.count_down();
  };
  ASSERT_TRUE(runner->submit(one_row(), done).has_value());
  engine_.control().wait_until_blocked();
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(runner->submit(one_row(), done).has_value());
  engine_.control().release();
  all.wait();
  EXPECT_EQ(engine_.control().run_rows(), (std::vector<std::size_t>{1, 8}));
}

TEST_F(Runners, HoldATensorBatchOpenForItsDelayAndThenRunIt) {
  auto runner = tensor({.workers = 1, .batch_rows_max = 2, .queue_delay_max = std::chrono::milliseconds(1)});
  std::latch done(1);
  ASSERT_TRUE(runner->submit(one_row(), [&done](Result<TensorAnswer>) { done.count_down(); }).has_value());
  done.wait();
  EXPECT_EQ(engine_.control().run_rows(), (std::vector<std::size_t>{1}));
}

TEST_F(Runners, CancelTheTensorRunThatIsRunningWhenDestroyed) {
  auto runner = tensor({.single_flight = false, .workers = 1});
  engine_.control().block();
  std::optional<Result<TensorAnswer>> running;
  std::optional<Result<TensorAnswer>> queued;
  ASSERT_TRUE(runner->submit(one_row(), [&running](Result<TensorAnswer> answer) { running = std::move(answer); }).has_value());
  engine_.control().wait_until_blocked();
  ASSERT_TRUE(runner->submit(one_row(), [&queued](Result<TensorAnswer> answer) { queued = std::move(answer); }).has_value());
  runner.reset();
  EXPECT_EQ(running->error().code(), kShuttingDown);
  EXPECT_EQ(queued->error().code(), kShuttingDown);
}

// Where a request was run.
class Helping : public RunnerFixture {
 protected:
  std::thread::id run_with_help(TensorRunner& runner) {
    std::promise<std::thread::id> ran;
    auto where = ran.get_future();
    auto request = one_row();
    request.will_help = true;
    EXPECT_TRUE(runner.submit(std::move(request), [&ran](Result<TensorAnswer> answer) {
      EXPECT_TRUE(answer.has_value());
      ran.set_value(std::this_thread::get_id());
    }));
    runner.help();
    return where.get();
  }
};

TEST_F(Helping, RunsOnTheSubmittersThreadWhatIsKnownToBeShort) {
  auto runner = tensor({.workers = 1, .helping_max = std::chrono::seconds(1)});
  EXPECT_NE(run_with_help(*runner), std::this_thread::get_id()) << "nothing was known yet: a worker was woken";
  EXPECT_EQ(run_with_help(*runner), std::this_thread::get_id());
  EXPECT_EQ(runner->stats().steps, 2U);
  EXPECT_EQ(engine_.control().counters.sessions_opened, 2U) << "a worker's, and one for whoever helps";
  runner->help();
  EXPECT_EQ(runner->stats().steps, 2U) << "there was nothing to help with";
}

TEST_F(Helping, KnowsFromTheStartWhatLoadingMeasured) {
  engines::FakeEngine measured({.runs = {{.rows = 1, .took = std::chrono::microseconds(10)}}});
  auto runner = TensorRunner::open(load_fake(measured, formats::Task::kTensors), {.workers = 1, .helping_max = std::chrono::seconds(1)},
                                   {.clock = &clock_, .budget = &budget_})
                    .value();
  EXPECT_EQ(run_with_help(*runner), std::this_thread::get_id());
}

TEST_F(Helping, ARunThatTakesTooLongThereIsDoneAgainByAWorker) {
  auto runner = tensor({.workers = 1, .helping_max = std::chrono::seconds(1)});
  run_with_help(*runner);
  ASSERT_EQ(run_with_help(*runner), std::this_thread::get_id());
  engine_.control().switches.runs_to_end_early = 1;
  EXPECT_NE(run_with_help(*runner), std::this_thread::get_id());
  EXPECT_EQ(engine_.control().counters.runs, 4U);
  EXPECT_EQ(runner->stats().failed, 0U);
}

TEST_F(Helping, IsLeftToTheWorkersWhereValuesDecideWhatARunTakes) {
  auto description = engines::fake_description(formats::Task::kTensors);
  description.unbounded = "Loop";
  auto runner = TensorRunner::open(engine_.load("", description, {}).value(), {.workers = 1, .helping_max = std::chrono::seconds(1)},
                                   {.clock = &clock_, .budget = &budget_})
                    .value();
  for (int i = 0; i < 3; ++i) EXPECT_NE(run_with_help(*runner), std::this_thread::get_id());
}

TEST_F(Runners, DoNotJoinRowsThatAreNotShownToBeIndependent) {
  engines::FakeEngine engine({.rows_independent = false});
  auto runner = TensorRunner::open(load_fake(engine, formats::Task::kTensors), {.single_flight = false, .workers = 1},
                                   {.clock = &clock_, .budget = &budget_})
                    .value();
  engine.control().block();
  std::latch all(8);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(runner->submit(one_row(), [&all](Result<TensorAnswer>) { all.count_down(); }));
  engine.control().release();
  all.wait();
  EXPECT_EQ(engine.control().run_rows(), std::vector<std::size_t>(8, 1));
}

TEST_F(Runners, ARunEndsAtItsDeadline) {
  auto runner = tensor({.workers = 1});
  engine_.control().switches.runs_to_end_early = 1;
  auto request = one_row();
  request.ticket.deadline = clock_.now() + std::chrono::hours(1);
  std::promise<ErrorCode> ended;
  ASSERT_TRUE(runner->submit(std::move(request), [&ended](Result<TensorAnswer> answer) { ended.set_value(answer.error().code()); }));
  EXPECT_EQ(ended.get_future().get(), engines::kRunTooLong) << "the engine was told until when";
}

TEST_F(Helping, IsLeftToTheWorkersWhenItIsOffOrTakesLonger) {
  auto off = tensor({.workers = 1, .helping_max = std::chrono::microseconds(0)});
  run_with_help(*off);
  EXPECT_NE(run_with_help(*off), std::this_thread::get_id());
  engines::FakeEngine slow({.run = [this](const tensors::NamedTensors& inputs) -> Result<tensors::NamedTensors> {
    const Instant until = clock_.now() + std::chrono::milliseconds(2);
    EXPECT_TRUE(eventually([&] { return clock_.now() > until; }));
    return tensors::NamedTensors{{"y", inputs.front().tensor}};
  }});
  auto runner =
      TensorRunner::open(load_fake(slow, formats::Task::kTensors), {.workers = 1}, {.clock = &clock_, .budget = &budget_}).value();
  run_with_help(*runner);
  EXPECT_NE(run_with_help(*runner), std::this_thread::get_id());
}

TEST_F(Helping, WaitsForNobodyWhoHoldsABatchOpen) {
  auto runner = tensor({.workers = 1, .queue_delay_max = std::chrono::microseconds(100), .helping_max = std::chrono::seconds(1)});
  run_with_help(*runner);
  EXPECT_NE(run_with_help(*runner), std::this_thread::get_id());
}

TEST_F(Helping, AnswersEverybodyWhateverManyThreadsSubmitAndHelp) {
  auto runner = tensor({.single_flight = false, .workers = 2, .batch_rows_max = 4, .helping_max = std::chrono::seconds(1)});
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        for (int j = 0; j <= i % 5; ++j) {
          auto request = one_row();
          request.will_help = true;
          if (!runner->submit(std::move(request), [&answered](Result<TensorAnswer>) { ++answered; })) ++answered;
        }
        runner->help();
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_TRUE(eventually([&] { return answered == 4 * 900; }));
  EXPECT_EQ(engine_.control().counters.used_on_another_thread, 0U);
}

TEST_F(Runners, EmbedForManyClientsAtOnceAndAnswerEachOnce) {
  auto runner = embedding({.batch_tokens_max = 64, .batch_texts_max = 8});
  std::atomic<int> right = 0;
  std::latch all(std::ptrdiff_t{3} * 30);
  std::vector<std::thread> clients;
  for (int client = 0; client < 3; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 30; ++i) {
        const std::vector<std::vector<Token>> texts{fake_tokens("text " + std::to_string(i)), {static_cast<Token>(client + 1)}};
        const auto submitted = runner->submit({.texts = texts}, [&, texts](Result<EmbeddingAnswer> answer) {
          right += answer && answer->vectors[0] == engines::fake_embedding(texts[0], 8) &&
                   answer->vectors[1] == engines::fake_embedding(texts[1], 8);
          all.count_down();
        });
        EXPECT_TRUE(submitted.has_value());
      }
    });
  }
  for (auto& client : clients) client.join();
  all.wait();
  EXPECT_EQ(right, 90);
}

TEST_F(Property02, EveryInvalidEmbeddingRequestIsRefusedWithItsReason) {
  auto runner = embedding({.batch_tokens_max = 16, .request_texts_max = 2});
  const auto refusal = [&](std::vector<std::vector<Token>> texts) {
    const auto submitted = runner->submit({.texts = std::move(texts)}, [](Result<EmbeddingAnswer>) {});
    return submitted ? std::string("accepted") : std::string(submitted.error().code().name);
  };
  EXPECT_EQ(refusal({{1}, {2}}), "accepted");
  EXPECT_EQ(refusal({}), kTextsEmpty.name);
  EXPECT_EQ(refusal({{1}, {}}), kTextsEmpty.name);
  EXPECT_EQ(refusal({{1}, {2}, {3}}), kTooManyTexts.name);
  EXPECT_EQ(refusal({std::vector<Token>(16, 1)}), "accepted");
  EXPECT_EQ(refusal({std::vector<Token>(17, 1)}), kTextTooLongToEmbed.name);
  EXPECT_EQ(refusal({{-1}}), kPromptTokenInvalid.name);
}

TEST_F(Runners, AnswerEveryEmbeddingOnceWhenDestroyed) {
  auto runner = embedding({});
  engine_.control().block();
  std::atomic<int> answered = 0;
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(runner->submit({.texts = {{i + 1}}}, [&answered](Result<EmbeddingAnswer>) { ++answered; }).has_value());
  engine_.control().wait_until_blocked();
  runner.reset();
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(engine_.control().counters.sessions_open, 0U);
}

TEST_F(Runners, APrefixOfAnotherScopeIsFoundInNoTier) {
  GenerationOptions options{.sequences_max = 1, .context_tokens = 600};
  options.cache.disk_path = folder();
  auto runner = generation(options);
  const auto cached = [&](CacheScope scope) {
    auto request = greedy(std::string(200, 'p'), 4);
    request.ticket.cache_scope = scope;
    return generate(*runner, std::move(request)).end().usage.cached_prompt_tokens;
  };
  EXPECT_EQ(cached(1), 0U);
  EXPECT_EQ(cached(2), 0U) << "it is in the cells";
  EXPECT_EQ(cached(3), 0U) << "it is in RAM";
  EXPECT_EQ(cached(2), 199U);
  EXPECT_EQ(cached(1), 199U);
  runner.reset();
  runner = generation(options);
  EXPECT_EQ(cached(4), 0U) << "it is on disk";
  EXPECT_EQ(cached(0), 0U);
  EXPECT_EQ(cached(1), 199U);
}

TEST_F(Runners, AModelMaySharePrefixesBetweenScopes) {
  shares_caches_ = true;
  auto runner = generation({.sequences_max = 1, .context_tokens = 600});
  for (const CacheScope scope : {1, 2}) {
    auto request = greedy(std::string(200, 'p'), 4);
    request.ticket.cache_scope = scope;
    EXPECT_EQ(generate(*runner, std::move(request)).end().usage.cached_prompt_tokens, scope == 1 ? 0U : 199U);
  }
}

}  // namespace
}  // namespace forebay::scheduling
