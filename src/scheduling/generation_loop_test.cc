#include "scheduling/generation_loop.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/errors.h"
#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/testing/generation_fixture.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;
using std::chrono::milliseconds;

std::vector<std::size_t> sizes(std::initializer_list<std::size_t> list) { return list; }

TEST(GenerationLoop, WritesWhatTheModelWritesAlone) {
  LoopFixture fixture;
  const Stream stream = fixture.generate(request_of(fake_tokens("Once"), 12));
  EXPECT_EQ(stream.tokens, undisturbed(fake_tokens("Once"), 12));
  EXPECT_EQ(stream.text, engines::fake_text(stream.tokens));
  EXPECT_TRUE(stream.finished_with(FinishReason::kLength));
  EXPECT_EQ(stream.end().usage.prompt_tokens, 4U);
  EXPECT_EQ(stream.end().usage.generated_tokens, 12U);
}

TEST(GenerationLoop, PutsDecodesFirstAndPromptsInChunksBehindThem) {
  LoopFixture fixture({.context_tokens = 512, .step_tokens_max = 64, .inter_token_max = milliseconds(1), .prompt_chunk_tokens_min = 16});
  fixture.step_time = [](auto) { return milliseconds(10); };
  fixture.submit(request_of(fake_tokens("abcdefgh"), 50));
  ASSERT_TRUE(fixture.run_once());
  fixture.submit(request_of(std::vector<Token>(40, 'x'), 50));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(fixture.run_once());
  const auto steps = fixture.engine.control().step_slices();
  EXPECT_EQ(steps[0], sizes({8}));
  EXPECT_EQ(steps[1], sizes({1, 16}));
  EXPECT_EQ(steps[2], sizes({1, 16}));
  EXPECT_EQ(steps[3], sizes({1, 8}));
  EXPECT_EQ(steps[4], sizes({1, 1}));
}

TEST(GenerationLoop, PromptsHaveStepsOfTheirOwnWhereEveryTextHasCellsOfItsOwn) {
  LoopFixture fixture({.sequences_max = 2, .context_tokens = 1024, .prompt_chunk_tokens_min = 16, .cells = "separate"});
  fixture.step_time = [](auto) { return milliseconds(300); };  // longer than promised: the least of a prompt each time
  fixture.submit(request_of(fake_tokens("abcdefgh"), 50));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(fixture.run_once());
  fixture.submit(request_of(std::vector<Token>(40, 'x'), 50));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(fixture.run_once());
  const auto steps = fixture.engine.control().step_slices();
  const std::vector<std::vector<std::size_t>> expected{{8}, {1}, {16}, {1}, {16}, {1}, {8}, {1, 1}};
  EXPECT_EQ(steps, expected) << "in turns, and together again when both decode";
}

TEST(GenerationLoop, DeepInATextTheRestOfAPromptIsFilledUpToATile) {
  LoopFixture fixture({.context_tokens = 2048});
  std::vector<Token> text(600);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<Token>('a' + i % 23);
  const auto tokens_of_step = [&](std::size_t further, Token letter) {
    auto longer = text;
    longer.insert(longer.end(), further, letter);
    const Stream stream = fixture.generate(request_of(longer, 1));
    EXPECT_EQ(stream.tokens, undisturbed(longer, 1));
    EXPECT_GE(stream.end().usage.cached_prompt_tokens, 599U);
    return fixture.engine.control().step_slices().back();
  };
  fixture.generate(request_of(text, 1));
  EXPECT_EQ(tokens_of_step(40, 'A'), sizes({64}));
  EXPECT_EQ(tokens_of_step(20, 'B'), sizes({20})) << "a few are over sooner than a tile";
  EXPECT_EQ(tokens_of_step(100, 'C'), sizes({100}));
}

TEST(GenerationLoop, GivesPromptsTheWholeStepWhileNobodyDecodesAndReadsThemOneAfterTheOther) {
  LoopFixture fixture({.context_tokens = 512, .step_tokens_max = 64});
  fixture.submit(request_of(std::vector<Token>(100, 'x'), 5));
  fixture.submit(request_of(std::vector<Token>(100, 'y'), 5));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(fixture.run_once());
  const auto steps = fixture.engine.control().step_slices();
  EXPECT_EQ(steps[0], sizes({64})) << "the first";
  EXPECT_EQ(steps[1], sizes({36, 28})) << "the rest of it, and what is left for the second";
}

TEST(GenerationLoop, EndsAtAStopStringAndDoesNotShowIt) {
  LoopFixture fixture({}, {.script = engines::answering("one two three")});
  auto request = request_of(fake_tokens("?"), 100);
  request.stop_strings = {"xyz", " thr"};
  const Stream stream = fixture.generate(std::move(request));
  EXPECT_EQ(stream.text, "one two");
  EXPECT_TRUE(stream.finished_with(FinishReason::kStop));
  EXPECT_EQ(stream.end().stop_string, " thr");
}

TEST(GenerationLoop, EndsAtTheEndTokenAndCountsIt) {
  LoopFixture fixture({}, {.script = engines::answering("done")});
  const Stream stream = fixture.generate(request_of(fake_tokens("?"), 100));
  EXPECT_EQ(stream.text, "done");
  EXPECT_TRUE(stream.finished_with(FinishReason::kStop));
  EXPECT_EQ(stream.end().usage.generated_tokens, 5U);
}

TEST(GenerationLoop, EndsAtAStopToken) {
  LoopFixture fixture({}, {.script = engines::answering("a,b")});
  auto request = request_of(fake_tokens("?"), 100);
  request.stop_tokens = {','};
  const Stream stream = fixture.generate(std::move(request));
  EXPECT_EQ(stream.text, "a");
  EXPECT_TRUE(stream.finished_with(FinishReason::kStop));
}

TEST(GenerationLoop, ChoosesNoEndTokenBeforeTheLeastNumberOfTokensOrWhenItIsIgnored) {
  LoopFixture fixture({}, {.script = engines::answering("ok")});
  auto request = request_of(fake_tokens("?"), 9);
  request.tokens_min = 6;
  EXPECT_GE(fixture.generate(request).tokens.size(), 6U);
  request.tokens_min = 0;
  request.ignore_end_token = true;
  const Stream endless = fixture.generate(request);
  EXPECT_EQ(endless.tokens.size(), 9U);
  EXPECT_TRUE(endless.finished_with(FinishReason::kLength));
}

TEST(GenerationLoop, ReportsLogprobsOfTheChosenAndOfTheMostProbable) {
  LoopFixture fixture;
  auto request = request_of(fake_tokens("p"), 2);
  request.wants_logprobs = true;
  request.logprobs = 3;
  const Stream stream = fixture.generate(std::move(request));
  for (const TokenEvent& event : stream.events) {
    if (event.kind != TokenEvent::Kind::kToken) continue;
    ASSERT_TRUE(event.logprob.has_value());
    ASSERT_EQ(event.alternatives.size(), 3U);
    EXPECT_EQ(event.alternatives.front().token, event.token) << "greedy takes the most probable";
    EXPECT_EQ(event.logprob->bytes, std::string(1, static_cast<char>(event.token)));
    EXPECT_LE(event.logprob->logprob, 0.0F);
    EXPECT_GE(event.alternatives[0].logprob, event.alternatives[1].logprob);
  }
}

TEST(GenerationLoop, ContinuesAFinishedTextWithoutComputingItAgain) {
  LoopFixture fixture;
  const Stream first = fixture.generate(request_of(fake_tokens("a conversation"), 10));
  auto prompt = fake_tokens("a conversation");
  prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
  prompt.push_back('?');
  const std::uint64_t before = fixture.engine.control().counters.tokens;
  const Stream second = fixture.generate(request_of(prompt, 4));
  EXPECT_EQ(second.end().usage.cached_prompt_tokens, 14U + 9U) << "the last token of an answer is never computed";
  EXPECT_EQ(second.tokens, undisturbed(prompt, 4));
  EXPECT_EQ(fixture.engine.control().counters.tokens - before, 2U + 3U);
}

TEST(GenerationLoop, FreesTheCellsOfAVanishedClientAtTheNextStep) {
  LoopFixture fixture;
  auto request = request_of(fake_tokens("gone"), 100);
  const CancelToken cancel = request.ticket.cancel;
  auto channel = fixture.submit(std::move(request));
  ASSERT_TRUE(fixture.run_once());
  cancel.cancel(CancelReason::kClientGone);
  const std::uint64_t steps = fixture.engine.control().counters.steps;
  ASSERT_TRUE(fixture.run_once());
  EXPECT_EQ(fixture.engine.control().counters.steps, steps);
  EXPECT_EQ(fixture.loop->running(), 0U);
  Stream stream;
  stream.read(*channel);
  EXPECT_TRUE(stream.finished_with(FinishReason::kCancelled));
}

TEST(GenerationLoop, AbortsAStepThatIsForAVanishedClientOnly) {
  LoopFixture fixture;
  auto request = request_of(fake_tokens("long prompt"), 5);
  const CancelToken cancel = request.ticket.cancel;
  auto channel = fixture.submit(std::move(request));
  auto& control = fixture.engine.control();
  control.block();
  std::thread client([&] {
    control.wait_until_blocked();
    cancel.cancel(CancelReason::kClientGone);
  });
  EXPECT_TRUE(fixture.run());
  client.join();
  EXPECT_EQ(control.counters.aborts, 1U);
  Stream stream;
  stream.read(*channel);
  EXPECT_TRUE(stream.finished_with(FinishReason::kCancelled));
  control.release();
  EXPECT_EQ(fixture.generate(request_of(fake_tokens("next"), 5)).tokens, undisturbed(fake_tokens("next"), 5)) << "the loop goes on";
}

TEST(GenerationLoop, LetsTheOthersOfAnAbortedStepContinueUnharmed) {
  LoopFixture fixture({.context_tokens = 512, .step_tokens_max = 128});
  fixture.engine.control().switches.abort_keeps_half = true;
  auto big = request_of(std::vector<Token>(100, 'x'), 5);
  const CancelToken cancel = big.ticket.cancel;
  fixture.submit(std::move(big));
  auto small = fixture.submit(request_of(fake_tokens("small"), 6));
  auto& control = fixture.engine.control();
  control.block();
  std::thread client([&] {
    control.wait_until_blocked();
    cancel.cancel(CancelReason::kClientGone);
    control.release();
  });
  EXPECT_TRUE(fixture.run());
  client.join();
  Stream stream;
  stream.read(*small);
  EXPECT_EQ(stream.tokens, undisturbed(fake_tokens("small"), 6));
  EXPECT_EQ(control.counters.bad_steps, 0U);
}

TEST(GenerationLoop, TellsARunningRequestThatItsDeadlinePassed) {
  LoopFixture fixture;
  auto request = request_of(fake_tokens("slow"), 100);
  request.ticket.deadline = fixture.clock.now() + milliseconds(100);
  auto channel = fixture.submit(std::move(request));
  ASSERT_TRUE(fixture.run_once());
  fixture.clock.advance(milliseconds(100));
  EXPECT_TRUE(fixture.run());
  Stream stream;
  stream.read(*channel);
  EXPECT_TRUE(stream.failed_with(kDeadlinePassed));
}

TEST(GenerationLoop, DropsAReaderThatIsTooSlow) {
  LoopFixture fixture({.channel_events_max = 3});
  const Stream stream = fixture.generate(request_of(fake_tokens("slow reader"), 50));
  EXPECT_EQ(stream.tokens.size(), 3U);
  EXPECT_TRUE(stream.failed_with(kSlowReader));
}

TEST(GenerationLoop, DecodesTakeTurnsWhenAStepHasFewerPlaces) {
  LoopFixture fixture({.sequences_max = 3, .context_tokens = 3000, .step_tokens_max = 2, .cells = "separate"});
  // The first two end, so that later ones get the first slots: the order of slots is not that of arrival.
  for (const Token letter : {'a', 'b'}) fixture.submit(request_of({letter}, 1));
  std::vector<std::shared_ptr<TokenChannel>> channels{fixture.submit(request_of({'c'}, 100))};
  fixture.run_once();
  for (const Token letter : {'d', 'e'}) channels.push_back(fixture.submit(request_of({letter}, 100)));
  for (int i = 0; i < 60; ++i) fixture.run_once();
  std::vector<std::size_t> written;
  for (const auto& channel : channels) {
    Stream stream;
    stream.read(*channel);
    written.push_back(stream.tokens.size());
  }
  EXPECT_GE(std::ranges::min(written), 35U) << "60 steps with two places for three texts";
  EXPECT_LE(std::ranges::max(written) - std::ranges::min(written), 2U);
}

TEST(GenerationLoop, TextsWithDifferentAdaptersShareNoStepAndNoPrefixAndAreEachAsAlone) {
  LoopFixture fixture({.sequences_max = 6, .context_tokens = 4000, .step_tokens_max = 256});
  const std::vector<Token> prompt(100, 'x');
  std::vector<std::shared_ptr<TokenChannel>> channels;
  const std::vector<std::string> names = {"", "polite", "rude", "polite", "", "rude"};
  for (const auto& name : names) {
    auto request = request_of(prompt, 30);
    request.adapter = name;
    channels.push_back(fixture.submit(std::move(request)));
  }
  EXPECT_TRUE(fixture.run());
  for (std::size_t i = 0; i < names.size(); ++i) {
    Stream stream;
    stream.read(*channels[i]);
    const auto expected = names[i].empty() ? undisturbed(prompt, 30) : undisturbed_with(names[i] == "polite" ? 0.5F : 1, prompt, 30);
    EXPECT_EQ(stream.tokens, expected) << names[i];
    EXPECT_EQ(stream.end().usage.cached_prompt_tokens, i < 3 ? 0U : 99U) << "the second of each joins the first of its own";
  }
  EXPECT_EQ(fixture.counters.prefix.joined, 3U);
}

TEST(GenerationLoop, WhatWasComputedWithOneAdapterIsOfNoUseToAnother) {
  LoopFixture fixture({.sequences_max = 1, .context_tokens = 1000, .step_tokens_max = 256});
  const auto cached = [&](const std::string& adapter) {
    auto request = request_of(std::vector<Token>(100, 'x'), 5);
    request.adapter = adapter;
    return fixture.generate(std::move(request)).end().usage.cached_prompt_tokens;
  };
  EXPECT_EQ(cached(""), 0U);
  EXPECT_EQ(cached("polite"), 0U);
  EXPECT_EQ(cached("rude"), 0U);
  EXPECT_EQ(cached("rude"), 99U) << "from its cells";
  EXPECT_EQ(cached("polite"), 99U) << "from RAM";
  EXPECT_EQ(cached(""), 99U);
  EXPECT_EQ(fixture.saved.stats().entries, 3U);
}

TEST(GenerationLoop, WorksWithoutTrimmingOrSharing) {
  LoopFixture fixture;
  {
    engines::FakeEngine& engine = fixture.engine;
    engine.control().switches.can_trim = false;
  }
  EXPECT_EQ(fixture.generate(request_of(fake_tokens("abc"), 7)).tokens, undisturbed(fake_tokens("abc"), 7));
  EXPECT_EQ(fixture.generate(request_of(fake_tokens("abd"), 7)).tokens, undisturbed(fake_tokens("abd"), 7));
}

TEST(GenerationLoop, EndsEverythingWhenItIsShutDown) {
  LoopFixture fixture;
  auto channel = fixture.submit(request_of(fake_tokens("x"), 100));
  ASSERT_TRUE(fixture.run_once());
  fixture.loop->shut_down();
  Stream stream;
  stream.read(*channel);
  EXPECT_TRUE(stream.failed_with(kShuttingDown));
}

TEST(GenerationLoop, ASequenceThatOneLoopGaveUpContinuesInAnotherWithTheSameText) {
  LoopFixture first;
  LoopFixture second;
  auto channel = first.submit(request_of({'a', 'b', 'c'}, 20));
  for (int i = 0; i < 5; ++i) first.run_once();
  auto sequences = first.loop->give_up_all();
  ASSERT_EQ(sequences.size(), 1U);
  EXPECT_EQ(first.loop->session().cells_used(), 0U);
  EXPECT_EQ(first.loop->load().sequences, 0U);
  second.loop->adopt(std::move(sequences.front()));
  EXPECT_EQ(second.loop->load().sequences, 1U);
  ASSERT_TRUE(second.run());
  Stream stream;
  stream.read(*channel);
  EXPECT_TRUE(stream.finished_with(FinishReason::kLength));
  EXPECT_EQ(stream.tokens, undisturbed({'a', 'b', 'c'}, 20));
}

TEST(GenerationLoop, FailuresInARowAreThoseOfDifferentRequestsWithoutAStepThatWorked) {
  LoopFixture fixture;
  auto& control = fixture.engine.control();
  for (int i = 0; i < 3; ++i) {
    control.switches.step_fails_at = control.counters.steps + 1;
    fixture.generate(request_of({'a'}, 3));
    EXPECT_EQ(fixture.loop->failures_in_a_row(), static_cast<std::uint32_t>(i + 1));
  }
  fixture.generate(request_of({'a'}, 3));
  EXPECT_EQ(fixture.loop->failures_in_a_row(), 0U);
}

// Steps of a machine on which a step of decodes takes 10 ms and every prompt token one more.
Duration measured(std::span<const engines::StepSlice> slices) {
  Duration took = milliseconds(10);
  for (const auto& slice : slices) took += milliseconds(slice.tokens.size() > 1 ? slice.tokens.size() : 0);
  return took;
}

TEST(GenerationLoop, StepsStayWithinThePromisedTimeWhileSomebodyDecodes) {
  LoopFixture fixture(
      {.context_tokens = 4096, .step_tokens_max = 512, .inter_token_max = milliseconds(100), .prompt_chunk_tokens_min = 16});
  fixture.step_time = measured;
  auto reader = fixture.submit(request_of(fake_tokens("somebody reads this"), 200));
  for (int i = 0; i < 5; ++i) fixture.run_once();
  fixture.submit(request_of(std::vector<Token>(2000, 'x'), 5));
  Instant last = fixture.clock.now();
  Duration longest{};
  std::size_t steps = 0;
  for (Stream stream; stream.tokens.size() < 60; ++steps) {
    fixture.run_once();
    stream.read(*reader);
    longest = std::max(longest, fixture.clock.now() - last);
    last = fixture.clock.now();
    if (steps > 200) break;
  }
  EXPECT_LE(longest, milliseconds(110));
  // … and nearly all of that time is used: 2,000 tokens are not read in twos and threes.
  EXPECT_GT(fixture.engine.control().counters.tokens, 2000U);
}

// The sizes of the first step that has part of a prompt beside a sequence that decodes.
std::vector<std::size_t> first_mixed_step(LoopFixture& fixture) {
  fixture.submit(request_of(std::vector<Token>(20, 'r'), 200));
  for (int i = 0; i < 5; ++i) fixture.run_once();
  fixture.submit(request_of(std::vector<Token>(2000, 'x'), 5));
  fixture.run_once();
  return fixture.engine.control().step_slices().back();
}
GenerationOptions tenth_of_a_second() {
  return {.context_tokens = 4096, .step_tokens_max = 512, .inter_token_max = milliseconds(100), .prompt_chunk_tokens_min = 16};
}

TEST(GenerationLoop, TheTimeForChoosingTokensIsPartOfAStep) {
  LoopFixture quick(tenth_of_a_second());
  quick.step_time = measured;
  EXPECT_GT(first_mixed_step(quick).back(), 16U);
  LoopFixture slow(tenth_of_a_second());
  slow.step_time = measured;
  slow.sampling_time = milliseconds(90);
  EXPECT_EQ(first_mixed_step(slow), sizes({1, 16})) << "10 ms of computing and 90 of choosing leave nothing but the minimum";
}

TEST(GenerationLoop, TheWaitForOtherSessionsIsNoPartOfAStep) {
  LoopFixture alone(tenth_of_a_second());
  alone.step_time = measured;
  LoopFixture crowded(tenth_of_a_second());
  crowded.step_waits = milliseconds(190);
  crowded.step_time = [](auto slices) { return milliseconds(190) + measured(slices); };
  EXPECT_EQ(first_mixed_step(crowded), first_mixed_step(alone));
}

TEST(GenerationLoop, ClientsTakeTurnsWithTheirPrompts) {
  LoopFixture fixture({.context_tokens = 2048, .step_tokens_max = 64});
  const auto submit = [&](const std::string& client, Token letter) {
    auto request = request_of(std::vector<Token>(128, letter), 1);
    request.ticket.client = client;
    return fixture.submit(std::move(request));
  };
  std::vector<std::shared_ptr<TokenChannel>> greedy;
  for (Token letter = 'a'; letter < 'd'; ++letter) greedy.push_back(submit("greedy", letter));
  auto modest = submit("modest", 'z');
  for (int i = 0; i < 4; ++i) fixture.run_once();
  Stream stream;
  stream.read(*modest);
  EXPECT_EQ(stream.ends, 1U) << "half of the first four steps were for the one with a single request";
}

TEST(GenerationLoop, APromptThatSomebodyIsReadingIsReadOnce) {
  for (const std::string cells : {"unified", "separate"}) {
    LoopFixture fixture({.sequences_max = 4, .context_tokens = 4096, .step_tokens_max = 64, .cells = cells});
    std::vector<Token> common(300);
    for (std::size_t i = 0; i < common.size(); ++i) common[i] = static_cast<Token>('a' + i % 23);
    std::vector<std::shared_ptr<TokenChannel>> channels;
    std::vector<std::vector<Token>> prompts;
    for (Token letter = 'A'; letter < 'E'; ++letter) {
      prompts.push_back(common);
      prompts.back().push_back(letter);
      channels.push_back(fixture.submit(request_of(prompts.back(), 5)));
    }
    ASSERT_TRUE(fixture.run());
    std::size_t cached = 0;
    for (std::size_t i = 0; i < channels.size(); ++i) {
      Stream stream;
      stream.read(*channels[i]);
      EXPECT_EQ(stream.tokens, undisturbed(prompts[i], 5));
      cached += stream.end().usage.cached_prompt_tokens;
    }
    EXPECT_EQ(cached, 900U) << cells;
    EXPECT_EQ(fixture.counters.prefix.joined, 3U) << cells;
    EXPECT_LE(fixture.engine.control().counters.tokens, 300U + 4 * 6 + StepPace::kTileTokens / 2) << cells << ", part of a tile twice";
  }
}

TEST(GenerationLoop, AFollowerGoesOnAloneWhenTheOneItWaitedForIsCancelled) {
  LoopFixture fixture({.sequences_max = 2, .context_tokens = 4096, .step_tokens_max = 64});
  const std::vector<Token> common(300, 'q');
  auto first = request_of(common, 5);
  const CancelToken cancel = first.ticket.cancel;
  fixture.submit(std::move(first));
  auto second = fixture.submit(request_of(common, 5));
  for (int i = 0; i < 2; ++i) fixture.run_once();
  cancel.cancel(CancelReason::kClientGone);
  ASSERT_TRUE(fixture.run());
  Stream stream;
  stream.read(*second);
  EXPECT_EQ(stream.tokens, undisturbed(common, 5));
}

TEST(GenerationLoop, SequencesWithCellsOfTheirOwnStayTogether) {
  LoopFixture fixture({.sequences_max = 4, .context_tokens = 4096, .cells = "separate"});
  std::vector<CancelToken> cancels;
  std::vector<std::shared_ptr<TokenChannel>> channels;
  for (Token letter = 'a'; letter < 'e'; ++letter) {
    auto request = request_of({letter}, 30);
    cancels.push_back(request.ticket.cancel);
    channels.push_back(fixture.submit(std::move(request)));
  }
  for (int i = 0; i < 5; ++i) fixture.run_once();
  const auto held = [&](engines::SequenceId slot) { return fixture.loop->session().length(slot) > 0; };
  ASSERT_TRUE(held(0) && held(1) && held(2) && held(3));
  cancels[1].cancel(CancelReason::kClientGone);
  for (int i = 0; i < 3; ++i) fixture.run_once();
  EXPECT_TRUE(held(1) && held(2)) << "one of those at the ends is now where the second was";
  EXPECT_NE(held(0), held(3));
  ASSERT_TRUE(fixture.run());
  for (const Token letter : {'a', 'c', 'd'}) {
    Stream stream;
    stream.read(*channels[static_cast<std::size_t>(letter - 'a')]);
    EXPECT_EQ(stream.tokens, undisturbed({letter}, 30));
  }
}

TEST(GenerationLoop, AShiftedTextGoesOnFromItsBeginningAndItsNewestHalf) {
  LoopFixture fixture({.sequences_max = 2, .context_tokens = 64, .cells = "unified"});
  auto request = request_of(fake_tokens("0123456789"), 150);
  request.overflow = Overflow::kShift;
  request.overflow_keep_tokens = 4;
  const Stream stream = fixture.generate(std::move(request));
  EXPECT_TRUE(stream.finished_with(FinishReason::kLength));
  EXPECT_EQ(stream.tokens.size(), 150U);
  EXPECT_GT(stream.end().usage.dropped_prompt_tokens, 0U);
  // What the model would write after what was left.
  std::vector<Token> text = fake_tokens("0123456789");
  for (const Token token : stream.tokens) {
    if (text.size() == 65) text.erase(text.begin() + 4, text.begin() + 4 + 30);
    EXPECT_EQ(token, engines::hashed_next(text));
    text.push_back(token);
  }
}

TEST(GenerationLoop, ADeadlineEndsATextWithWhatThereIsWhereThatWasAskedFor) {
  LoopFixture fixture;
  fixture.step_time = [](auto) { return milliseconds(10); };
  auto request = request_of(fake_tokens("slow"), 100);
  request.ticket.deadline = fixture.clock.now() + milliseconds(55);
  request.partial_at_deadline = true;
  const Stream stream = fixture.generate(std::move(request));
  EXPECT_TRUE(stream.finished_with(FinishReason::kDeadline));
  EXPECT_EQ(stream.tokens, undisturbed(fake_tokens("slow"), 6));
}

TEST(GenerationLoop, AModelThatCannotTrimContinuesFromTheCheckpointOfAPrompt) {
  LoopFixture whole({.sequences_max = 1, .context_tokens = 2048}, {}, {}, [](engines::FakeSwitches& switches) {
    switches.can_trim = false;
    switches.can_share = false;
  });
  std::vector<Token> common(600, 'k');
  auto first = common;
  first.insert(first.end(), 40, 'l');
  auto second = common;
  second.insert(second.end(), 40, 'm');
  whole.generate(request_of(first, 3));
  const Stream stream = whole.generate(request_of(second, 3));
  EXPECT_EQ(stream.tokens, undisturbed(second, 3));
  EXPECT_EQ(stream.end().usage.cached_prompt_tokens, 512U);
}

TEST(GenerationLoop, AShortPromptIsNotReadAfterALongOneThatCameBefore) {
  LoopFixture fixture({.context_tokens = 2048, .step_tokens_max = 64});
  fixture.submit(request_of(std::vector<Token>(1000, 'x'), 5));
  fixture.run_once();
  auto brief = fixture.submit(request_of(std::vector<Token>(20, 'y'), 1));
  for (int i = 0; i < 2; ++i) fixture.run_once();
  Stream stream;
  stream.read(*brief);
  EXPECT_EQ(stream.ends, 1U);
}

}  // namespace
}  // namespace forebay::scheduling
