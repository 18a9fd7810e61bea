// What a generation loop does when cells or memory run out.
#include <gtest/gtest.h>

#include <algorithm>

#include "engines/errors.h"
#include "scheduling/errors.h"
#include "scheduling/generation_loop.h"
#include "scheduling/testing/generation_fixture.h"

namespace forebay::scheduling {
namespace {

using engines::fake_tokens;

std::vector<std::size_t> sizes(std::initializer_list<std::size_t> list) { return list; }

TEST(GenerationMemory, ParksTheLeastImportantWhenCellsRunOutAndFinishesIt) {
  LoopFixture fixture({.sequences_max = 4, .context_tokens = 1000, .step_tokens_max = 64});
  std::vector<std::shared_ptr<TokenChannel>> channels;
  for (int i = 0; i < 4; ++i) channels.push_back(fixture.submit(request_of(std::vector<Token>(10, 'a' + i), 120)));
  fixture.engine.control().switches.cells_max = 150;
  EXPECT_TRUE(fixture.run());
  EXPECT_GT(fixture.counters.preempted, 0U);
  for (int i = 0; i < 4; ++i) {
    Stream stream;
    stream.read(*channels[static_cast<std::size_t>(i)]);
    EXPECT_EQ(stream.tokens, undisturbed(std::vector<Token>(10, 'a' + i), 120));
    EXPECT_TRUE(stream.finished_with(FinishReason::kLength));
  }
  EXPECT_GT(fixture.engine.control().counters.restores, 0U) << "the state was saved, not computed again";
  EXPECT_EQ(fixture.budget.bytes_held(), fixture.saved.stats().bytes);
}

TEST(GenerationMemory, ComputesAParkedSequenceAgainWhenItsStateCannotBeKept) {
  LoopFixture fixture({.sequences_max = 2, .context_tokens = 200, .step_tokens_max = 64});
  const auto all = fixture.budget.reserve(fixture.budget.bytes_max(), "everything");
  auto first = fixture.submit(request_of(fake_tokens("one"), 90));
  auto second = fixture.submit(request_of(fake_tokens("two"), 90));
  fixture.engine.control().switches.cells_max = 120;
  EXPECT_TRUE(fixture.run());
  Stream stream;
  stream.read(*second);
  EXPECT_EQ(stream.tokens, undisturbed(fake_tokens("two"), 90));
  EXPECT_EQ(fixture.engine.control().counters.restores, 0U);
}

TEST(GenerationMemory, APreemptedTextThatFindsItsOwnTokensAgainReportsNoMoreCachedTokensThanItsPromptHas) {
  LoopFixture fixture({.sequences_max = 3, .context_tokens = 600, .step_tokens_max = 64});
  const auto all = fixture.budget.reserve(fixture.budget.bytes_max(), "everything");  // no state can be saved
  auto other = fixture.submit(request_of(fake_tokens("another"), 160));
  // Both write the same text, so that the second waits for the first when both come back.
  std::vector<std::shared_ptr<TokenChannel>> twins;
  for (int i = 0; i < 2; ++i) twins.push_back(fixture.submit(request_of(fake_tokens("a text"), 150)));
  while (fixture.counters.preempted < 2 && fixture.run_once()) fixture.engine.control().switches.cells_max = 200;
  fixture.engine.control().switches.cells_max = -1;
  ASSERT_EQ(fixture.loop->parked(), 2U);
  ASSERT_TRUE(fixture.run());
  for (const auto& channel : twins) {
    Stream stream;
    stream.read(*channel);
    EXPECT_EQ(stream.tokens, undisturbed(fake_tokens("a text"), 150));
    EXPECT_LE(stream.end().usage.cached_prompt_tokens, stream.end().usage.prompt_tokens);
  }
}

TEST(GenerationMemory, UnderElevatedPressureHalfTheSequencesRunAndPromptsAreReadInSmallChunks) {
  LoopFixture fixture({.sequences_max = 4, .context_tokens = 1000, .step_tokens_max = 64, .prompt_chunk_tokens_min = 16});
  fixture.pressure.set(PressureLevel::kElevated);
  for (int i = 0; i < 4; ++i) fixture.submit(request_of(std::vector<Token>(40, 'a' + i), 20));
  ASSERT_TRUE(fixture.run_once());
  EXPECT_EQ(fixture.loop->running(), 2U);
  EXPECT_EQ(fixture.loop->load().sequences_max, 2U);
  EXPECT_EQ(fixture.engine.control().step_slices().back(), sizes({16}));
  fixture.pressure.set(PressureLevel::kNormal);
  fixture.report();
  ASSERT_TRUE(fixture.run_once());
  EXPECT_EQ(fixture.loop->running(), 4U);
  EXPECT_EQ(fixture.engine.control().step_slices().back(), sizes({24, 40}));
  EXPECT_TRUE(fixture.run());
  EXPECT_EQ(fixture.counters.finished, 4U);
}

TEST(GenerationMemory, UnderCriticalPressureWhoRunsGoesOnAndOneIsServedAfterTheOther) {
  LoopFixture fixture({.sequences_max = 4, .context_tokens = 1000, .step_tokens_max = 64});
  for (int i = 0; i < 2; ++i) fixture.submit(request_of(std::vector<Token>(10, 'a' + i), 20));
  ASSERT_TRUE(fixture.run_once());
  fixture.pressure.set(PressureLevel::kCritical);
  for (int i = 0; i < 2; ++i) fixture.submit(request_of(std::vector<Token>(10, 'p' + i), 20));
  std::size_t most = 0;
  while (fixture.run_once()) most = std::max(most, fixture.counters.finished < 2 ? 0 : fixture.loop->running());
  EXPECT_EQ(most, 1U);
  EXPECT_EQ(fixture.counters.finished, 4U);
}

TEST(GenerationMemory, UnderCriticalPressureAParkedTextIsComputedAgainInsteadOfSaved) {
  LoopFixture fixture({.sequences_max = 2, .context_tokens = 200, .step_tokens_max = 64});
  auto first = fixture.submit(request_of(fake_tokens("one"), 90));
  auto second = fixture.submit(request_of(fake_tokens("two"), 90));
  ASSERT_TRUE(fixture.run_once());
  fixture.pressure.set(PressureLevel::kCritical);
  fixture.engine.control().switches.cells_max = 120;
  EXPECT_TRUE(fixture.run());
  EXPECT_GT(fixture.counters.preempted, 0U);
  Stream stream;
  stream.read(*second);
  EXPECT_EQ(stream.tokens, undisturbed(fake_tokens("two"), 90));
  EXPECT_EQ(fixture.engine.control().counters.saves, 0U);
}

TEST(GenerationMemory, EndsALoneSequenceThatHasNoCellsLeft) {
  LoopFixture fixture({.context_tokens = 200, .step_tokens_max = 64});
  fixture.engine.control().switches.cells_max = 20;
  const Stream cut = fixture.generate(request_of(fake_tokens("0123456789"), 50));
  EXPECT_TRUE(cut.finished_with(FinishReason::kLength));
  EXPECT_EQ(cut.tokens.size(), 11U) << "ten cells for the prompt, ten for tokens, and one token that needs none";
  EXPECT_TRUE(fixture.generate(request_of(std::vector<Token>(30, 'x'), 5)).failed_with(kContextFull));
}

}  // namespace
}  // namespace forebay::scheduling
