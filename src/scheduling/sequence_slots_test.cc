#include "scheduling/sequence_slots.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/cancel.h"
#include "engines/testing/fake_engine.h"

namespace forebay::scheduling {
namespace {

using engines::Token;

std::vector<Token> counted(Token first, std::size_t count) {
  std::vector<Token> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

class SequenceSlotsTest : public testing::Test {
 protected:
  SequenceSlotsTest()
      : model_(engine_.load("", engines::fake_description(formats::Task::kTextGeneration), {}).value()),
        session_(model_->open_text_session({.context_tokens = 512, .sequences_max = 3}).value()) {}

  // A text that was computed and has finished.
  void finish(SequenceSlots& slots, const std::vector<Token>& tokens) {
    const auto claim = slots.claim(tokens).value();
    const engines::StepSlice slice{.sequence = claim.id,
                                   .position = static_cast<std::int32_t>(claim.reused),
                                   .tokens = std::span(tokens).subspan(claim.reused),
                                   .wants_logits = true};
    ASSERT_EQ(session_->step({&slice, 1}, CancelToken()).value(), engines::StepOutcome::kDone);
    slots.release_holding(claim.id, tokens);
  }

  engines::FakeEngine engine_;
  std::shared_ptr<engines::LoadedModel> model_;
  std::unique_ptr<engines::TextSession> session_;
};

TEST_F(SequenceSlotsTest, TheLastTextToFinishIsKeptForARequestThatContinuesIt) {
  SequenceSlots slots(*session_, 0);
  finish(slots, counted(1, 40));
  const auto claim = slots.claim(counted(1, 50)).value();
  EXPECT_EQ(claim.reused, 40U);
}

TEST_F(SequenceSlotsTest, ARequestThatCannotUseItEmptiesWhatIsBeyondTheLimit) {
  SequenceSlots slots(*session_, 0);
  finish(slots, counted(1, 40));
  EXPECT_EQ(slots.claim(counted(90, 10))->reused, 0U);
  EXPECT_EQ(slots.cells_held_idle(), 0U);
  EXPECT_EQ(session_->cells_used(), 0U);
}

TEST_F(SequenceSlotsTest, TextsWithinTheLimitStayTheOldestGoesFirst) {
  SequenceSlots slots(*session_, 80);
  finish(slots, counted(1, 40));
  finish(slots, counted(60, 40));
  EXPECT_EQ(slots.cells_held_idle(), 80U);
  finish(slots, counted(120, 40));
  EXPECT_EQ(slots.cells_held_idle(), 80U);
  EXPECT_EQ(slots.claim(counted(60, 41))->reused, 40U);
  EXPECT_EQ(slots.claim(counted(1, 41))->reused, 0U);
}

}  // namespace
}  // namespace forebay::scheduling
