#include "scheduling/saved_states.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <list>
#include <numeric>

namespace forebay::scheduling {
namespace {

std::vector<Token> text_of(Token first, std::size_t tokens) {
  std::vector<Token> text(tokens);
  std::iota(text.begin(), text.end(), first * 1000);
  return text;
}
// A state takes ten bytes a token beside the token itself.
std::vector<std::byte> state_of(std::span<const Token> text) { return std::vector<std::byte>(text.size() * 10); }
std::size_t size_of(std::size_t tokens) { return tokens * (10 + sizeof(Token)); }

void put(SavedStates& states, const std::vector<Token>& text, bool covers_prefixes = true) {
  states.put(text, state_of(text), covers_prefixes);
}

TEST(SavedStates, GivesBackWhatWasPutBitForBit) {
  SavedStates states({.bytes_max = 10'000, .tokens_min = 4}, nullptr, nullptr);
  const auto text = text_of(1, 20);
  std::vector<std::byte> bytes(333);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  states.put(text, bytes, true);
  auto asked = text;
  asked.push_back(7);
  const auto found = states.find(asked, 1, false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tokens, 20U);
  EXPECT_EQ(found->state->tokens, text);
  EXPECT_EQ(found->state->bytes, bytes);
}

TEST(SavedStates, FindsPartOfAStateUnlessOnlyWholeOnesServe) {
  SavedStates states({.bytes_max = 10'000, .tokens_min = 4}, nullptr, nullptr);
  put(states, text_of(1, 20));
  const auto beginning = text_of(1, 12);
  EXPECT_EQ(states.find(beginning, 1, false)->tokens, 12U);
  EXPECT_FALSE(states.find(beginning, 1, true));
  EXPECT_FALSE(states.find(beginning, 13, false));
  EXPECT_TRUE(states.find(text_of(1, 25), 1, true));
}

TEST(SavedStates, WantsOnlyTextsWithEnoughTokensOfTheirOwn) {
  SavedStates states({.bytes_max = 10'000, .tokens_min = 8}, nullptr, nullptr);
  EXPECT_FALSE(states.wants(text_of(1, 7)));
  EXPECT_TRUE(states.wants(text_of(1, 8)));
  put(states, text_of(1, 20));
  EXPECT_FALSE(states.wants(text_of(1, 27)));
  EXPECT_TRUE(states.wants(text_of(1, 28)));
  EXPECT_FALSE(SavedStates({.bytes_max = 0}, nullptr, nullptr).wants(text_of(1, 100)));
}

TEST(SavedStates, AContinuedTextReplacesItsBeginningWhereThatServesAsWell) {
  SavedStates states({.bytes_max = 10'000, .tokens_min = 4}, nullptr, nullptr);
  put(states, text_of(1, 10));
  put(states, text_of(1, 20));
  EXPECT_EQ(states.stats().entries, 1U);
  SavedStates whole({.bytes_max = 10'000, .tokens_min = 4}, nullptr, nullptr);
  put(whole, text_of(1, 10), false);
  put(whole, text_of(1, 20), false);
  EXPECT_EQ(whole.stats().entries, 2U);
}

TEST(SavedStates, WhatIsTooLargeForAllOfItIsNotKept) {
  SavedStates states({.bytes_max = size_of(20), .tokens_min = 4}, nullptr, nullptr);
  put(states, text_of(1, 20));
  EXPECT_EQ(states.stats().entries, 1U);
  put(states, text_of(2, 21));
  EXPECT_EQ(states.stats().entries, 1U);
  EXPECT_EQ(states.find(text_of(1, 20), 1, false)->tokens, 20U);
}

TEST(SavedStates, WhatIsEvictedIsHandedOn) {
  std::vector<std::vector<Token>> dropped;
  SavedStates states({.bytes_max = size_of(20), .tokens_min = 4}, nullptr, nullptr,
                     [&](const SavedStatePointer& state) { dropped.push_back(state->tokens); });
  put(states, text_of(1, 15));
  put(states, text_of(2, 15));
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0], text_of(1, 15));
}

TEST(SavedStates, WhereNothingIsKeptHereEverythingIsHandedOnUnlessMemoryIsCritical) {
  std::size_t handed_on = 0;
  PressureGauge pressure;
  SavedStates states({.bytes_max = 0, .tokens_min = 4}, nullptr, &pressure, [&](const SavedStatePointer&) { ++handed_on; });
  EXPECT_TRUE(states.wants(text_of(1, 20)));
  put(states, text_of(1, 20));
  EXPECT_EQ(handed_on, 1U);
  pressure.set(PressureLevel::kCritical);
  EXPECT_FALSE(states.wants(text_of(1, 20)));
  put(states, text_of(1, 20));
  EXPECT_EQ(handed_on, 1U);
}

TEST(SavedStates, UnderElevatedPressureWhatGoesIsHandedOn) {
  std::size_t handed_on = 0;
  PressureGauge pressure;
  SavedStates states({.bytes_max = size_of(40), .tokens_min = 4}, nullptr, &pressure, [&](const SavedStatePointer&) { ++handed_on; });
  for (Token i = 1; i <= 4; ++i) put(states, text_of(i, 10));
  pressure.set(PressureLevel::kElevated);
  EXPECT_EQ(handed_on, 3U);
  pressure.set(PressureLevel::kCritical);
  EXPECT_EQ(handed_on, 3U);
}

TEST(SavedStates, AreTakenOutTheMostValuableFirst) {
  SavedStates states({.bytes_max = 10'000, .tokens_min = 4}, nullptr, nullptr);
  for (Token i = 1; i <= 3; ++i) put(states, text_of(i, 10));
  states.find(text_of(1, 10), 1, false);
  std::vector<std::vector<Token>> order;
  for (const auto& state : states.take_all()) order.push_back(state->tokens);
  EXPECT_EQ(order, (std::vector{text_of(1, 10), text_of(3, 10), text_of(2, 10)}));
  EXPECT_EQ(states.stats().entries, 0U);
  EXPECT_EQ(states.stats().evictions, 0U);
}

TEST(SavedStates, TokensThatAnotherEntryHoldsTooAreWorthNothing) {
  SavedStates states({.bytes_max = size_of(60), .tokens_min = 2}, nullptr, nullptr);
  put(states, text_of(1, 20));
  auto similar = text_of(1, 18);
  similar.insert(similar.end(), {5, 5});
  put(states, similar);  // two tokens of its own
  put(states, text_of(2, 20));
  put(states, text_of(3, 20));
  // The one that is cheap to compute again went, though another was used longer ago.
  EXPECT_EQ(states.longest(text_of(1, 20), false), 20U);
  EXPECT_EQ(states.longest(similar, false), 18U);
}

TEST(SavedStates, TheBudgetOfTheProcessBoundsItTooAndGetsEverythingBack) {
  ByteBudget budget(size_of(30));
  {
    SavedStates states({.bytes_max = 1'000'000, .tokens_min = 4}, &budget, nullptr);
    put(states, text_of(1, 20));
    put(states, text_of(2, 20));
    EXPECT_EQ(states.stats().entries, 1U);
    EXPECT_EQ(states.stats().evictions, 1U);
    EXPECT_EQ(budget.bytes_held(), size_of(20));
    put(states, text_of(3, 31));
    EXPECT_EQ(states.stats().entries, 0U);
  }
  EXPECT_EQ(budget.bytes_held(), 0U);
}

TEST(SavedStates, GivesUpForAModelThatIsLoadedWhatThatNeeds) {
  ByteBudget budget(size_of(30));
  int handed_on = 0;
  SavedStates states({.bytes_max = 1'000'000, .tokens_min = 4}, &budget, nullptr, [&](const SavedStatePointer&) { ++handed_on; });
  for (Token i = 1; i <= 3; ++i) put(states, text_of(i, 10));
  EXPECT_EQ(states.stats().entries, 3U);
  const auto model = budget.reserve(size_of(20), "a model", ByteBudget::Shortage::kReclaim);
  EXPECT_TRUE(model);
  EXPECT_EQ(states.stats().entries, 1U);
  EXPECT_EQ(states.longest(text_of(3, 10), false), 10U);
  EXPECT_EQ(handed_on, 2) << "to the disk, if there is one";
}

TEST(SavedStates, ShrinksToAQuarterAndToNothingUnderMemoryPressure) {
  PressureGauge pressure;
  SavedStates states({.bytes_max = size_of(40), .tokens_min = 4}, nullptr, &pressure);
  for (Token i = 1; i <= 4; ++i) put(states, text_of(i, 10));
  EXPECT_EQ(states.stats().entries, 4U);
  pressure.set(PressureLevel::kElevated);
  EXPECT_EQ(states.stats().entries, 1U);
  EXPECT_EQ(states.longest(text_of(4, 10), false), 10U);
  pressure.set(PressureLevel::kCritical);
  EXPECT_EQ(states.stats().entries, 0U);
  EXPECT_FALSE(states.wants(text_of(5, 10)));
  pressure.set(PressureLevel::kNormal);
  EXPECT_TRUE(states.wants(text_of(5, 10)));
}

TEST(Property10And11, TheLeastRecentlyUsedIsEvictedAndAccessRenews) {
  EXPECT_TRUE(rc::check("as a list in order of use would", [] {
    constexpr std::size_t kEntries = 5;
    SavedStates states({.bytes_max = size_of(10) * kEntries, .tokens_min = 4}, nullptr, nullptr);
    std::list<Token> used;  // the most recent first
    const int actions = *rc::gen::inRange(1, 80);
    for (int i = 0; i < actions; ++i) {
      const Token which = *rc::gen::inRange<Token>(1, 12);
      if (*rc::gen::arbitrary<bool>()) {
        put(states, text_of(which, 10));
        used.remove(which);
        used.push_front(which);
        if (used.size() > kEntries) used.pop_back();
      } else if (states.find(text_of(which, 10), 10, false)) {
        RC_ASSERT(std::ranges::contains(used, which));
        used.remove(which);
        used.push_front(which);
      }
      for (Token one = 1; one < 12; ++one) RC_ASSERT((states.longest(text_of(one, 10), true) == 10U) == std::ranges::contains(used, one));
      RC_ASSERT(states.stats().bytes == used.size() * size_of(10));
    }
  }));
}

}  // namespace
}  // namespace forebay::scheduling
