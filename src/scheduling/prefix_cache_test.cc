#include "scheduling/prefix_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "base/ids.h"
#include "base/testing/inline_executor.h"
#include "engines/testing/fake_engine.h"

namespace forebay::scheduling {
namespace {

using engines::SequenceId;

std::vector<Token> text_of(Token first, std::size_t tokens) {
  std::vector<Token> text(tokens);
  for (std::size_t i = 0; i < tokens; ++i) text[i] = (first + static_cast<Token>(i * 7)) % 200;
  return text;
}
std::vector<Token> plus(std::vector<Token> text, std::vector<Token> more) {
  text.insert(text.end(), more.begin(), more.end());
  return text;
}

struct Setting {
  bool unified = true;
  bool can_trim = true;
  bool can_share = true;
  std::size_t sequences = 4;
  std::size_t cells = 2000;
  std::size_t idle_cells_max = 0;
  std::size_t ram_bytes_max = 1 << 20;
  bool disk = false;
};

class PrefixCacheTest : public ::testing::Test {
 protected:
  void open(const Setting& setting) {
    engine.control().switches.can_trim = setting.can_trim;
    engine.control().switches.can_share = setting.can_share;
    auto model = *engine.load("fake", engines::fake_description(formats::Task::kTextGeneration), {});
    session =
        *model->open_generation_session({.context_tokens = static_cast<std::uint32_t>(setting.cells),
                                         .sequences_max = static_cast<std::uint32_t>(setting.sequences),
                                         .step_tokens_max = 1000,
                                         .layout = setting.unified ? engines::CacheLayout::kUnified : engines::CacheLayout::kPerSequence});
    if (setting.disk) {
      folder = *StateFolder::open({.path = path, .bytes_max = 1 << 20, .covers_prefixes = setting.can_trim}, reads, writes);
      dropped = [this](const SavedStatePointer& state) { folder->put(state); };
    }
    saved = std::make_unique<SavedStates>(SavedStatesOptions{.bytes_max = setting.ram_bytes_max}, nullptr, nullptr, dropped);
    const LowerTiers lower{.ram = saved.get(), .disk = folder.get(), .fetched = [this] { ++fetched; }};
    cache = std::make_unique<PrefixCache>(*session, setting.idle_cells_max, lower, counters);
  }
  // Computes the text up to so many tokens.
  void compute(SequenceId slot, const std::vector<Token>& text, std::size_t until) {
    const auto from = static_cast<std::size_t>(session->length(slot));
    const engines::StepSlice slice{slot, static_cast<std::int32_t>(from), std::span(text).subspan(from, until - from), false};
    ASSERT_EQ(*session->step({&slice, 1}, {}), engines::StepOutcome::kDone);
  }
  void compute(SequenceId slot, const std::vector<Token>& text) { compute(slot, text, text.size()); }
  // Runs a text from beginning to end, and says how much of it was there already.
  std::size_t pass(const std::vector<Token>& text) {
    const auto place = cache->enter(text);
    compute(place->slot, text);
    cache->leave_holding(place->slot, text);
    return place->computed;
  }

  ~PrefixCacheTest() override { std::filesystem::remove_all(path); }

  engines::FakeEngine engine;
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / make_id("states");
  InlineExecutor reads;
  InlineExecutor writes;
  int fetched = 0;
  std::unique_ptr<StateFolder> folder;
  std::function<void(SavedStatePointer)> dropped;
  std::unique_ptr<engines::GenerationSession> session;
  std::unique_ptr<SavedStates> saved;
  PrefixCacheCounters counters;
  std::unique_ptr<PrefixCache> cache;
};

TEST_F(PrefixCacheTest, ATextThatContinuesAFinishedOneTakesItsCells) {
  open({});
  const auto text = text_of(1, 100);
  EXPECT_EQ(pass(text), 0U);
  const auto place = *cache->enter(plus(text, {9, 9}));
  EXPECT_EQ(place.computed, 100U);
  EXPECT_EQ(session->cells_used(), 100U);
  EXPECT_EQ(counters.cells_hits, 1U);
}

TEST_F(PrefixCacheTest, TheSameTextAgainComputesItsLastTokenOnly) {
  open({});
  const auto text = text_of(1, 100);
  pass(text);
  EXPECT_EQ(cache->enter(text)->computed, 99U);
}

TEST_F(PrefixCacheTest, ARunningTextSharesWhatItHasComputed) {
  open({});
  const auto text = text_of(1, 100);
  const auto first = *cache->enter(plus(text, {1}));
  compute(first.slot, plus(text, {1}));
  const auto second = *cache->enter(plus(text, {2, 2, 2}));
  EXPECT_EQ(second.computed, 100U);
  EXPECT_EQ(second.shared, 100U);
  EXPECT_EQ(session->cells_used(), 101U);
}

TEST_F(PrefixCacheTest, ATextWaitsForTheOneThatIsComputingItsBeginning) {
  open({});
  const auto common = text_of(1, 100);
  const auto first_text = plus(common, {1});
  const auto second_text = plus(common, {2, 2});
  const auto first = *cache->enter(first_text);
  compute(first.slot, first_text, 40);
  auto second = *cache->enter(second_text);
  EXPECT_EQ(second.computed, 40U);
  EXPECT_TRUE(cache->waits(second.slot, second_text, second.computed));
  EXPECT_FALSE(cache->waits(first.slot, first_text, second.computed));
  compute(first.slot, first_text, 100);
  EXPECT_FALSE(cache->waits(second.slot, second_text, second.computed));
  EXPECT_EQ(second.computed, 100U);
  EXPECT_EQ(session->length(second.slot), 100);
  EXPECT_EQ(counters.joined, 1U);
}

TEST_F(PrefixCacheTest, NobodyWaitsForOneThatLeft) {
  open({});
  const auto common = text_of(1, 100);
  const auto first = *cache->enter(plus(common, {1}));
  compute(first.slot, common, 40);
  auto second = *cache->enter(plus(common, {2, 2}));
  ASSERT_TRUE(cache->waits(second.slot, plus(common, {2, 2}), second.computed));
  cache->leave_holding(first.slot, std::span(common).first(40));
  EXPECT_FALSE(cache->waits(second.slot, plus(common, {2, 2}), second.computed));
  EXPECT_EQ(second.computed, 40U);
}

TEST_F(PrefixCacheTest, AFewCommonTokensAreNotWaitedFor) {
  open({});
  const auto first = *cache->enter(plus({1, 2, 3}, text_of(50, 60)));
  auto second = *cache->enter(plus({1, 2, 3}, text_of(70, 60)));
  EXPECT_FALSE(cache->waits(second.slot, plus({1, 2, 3}, text_of(70, 60)), second.computed));
  EXPECT_NE(first.slot, second.slot);
}

TEST_F(PrefixCacheTest, WhatLeavesItsCellsComesBackFromRam) {
  open({.sequences = 1});
  const auto first = text_of(1, 100);
  pass(first);
  EXPECT_EQ(pass(text_of(2, 120)), 0U);
  EXPECT_EQ(saved->stats().entries, 1U);
  EXPECT_EQ(pass(plus(first, {5})), 100U);
  EXPECT_EQ(counters.ram_hits, 1U);
  EXPECT_EQ(counters.tokens_saved, 100U);
}

TEST_F(PrefixCacheTest, PartOfASavedTextServesToo) {
  open({.sequences = 1});
  const auto first = text_of(1, 100);
  pass(first);
  pass(text_of(2, 120));
  const auto half = std::vector<Token>(first.begin(), first.begin() + 50);
  EXPECT_EQ(pass(plus(half, {199, 198})), 50U);
}

TEST_F(PrefixCacheTest, WhatTheNextTextWouldDisplaceIsSavedBeforeItComes) {
  open({.unified = false, .sequences = 2});
  const auto first = text_of(1, 100);
  pass(first);
  EXPECT_FALSE(cache->can_save_ahead()) << "there is a free sequence";
  pass(text_of(2, 100));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(cache->can_save_ahead());
    cache->save_ahead();
  }
  EXPECT_FALSE(cache->can_save_ahead());
  EXPECT_EQ(saved->stats().entries, 2U);
  EXPECT_EQ(engine.control().counters.saves, 2U);
  pass(text_of(3, 100));
  EXPECT_EQ(engine.control().counters.saves, 2U) << "it is not saved again";
  EXPECT_EQ(pass(plus(first, {9})), 100U);
  EXPECT_EQ(counters.ram_hits, 1U);
}

TEST_F(PrefixCacheTest, SeparateCellsAreCopiedAndTheOriginalStays) {
  open({.unified = false});
  const auto text = text_of(1, 100);
  pass(text);
  const auto first = *cache->enter(plus(std::vector<Token>(text.begin(), text.begin() + 60), {1}));
  EXPECT_EQ(first.computed, 60U);
  EXPECT_EQ(session->cells_used(), 160U);
  EXPECT_EQ(first.shared, 0U);
  EXPECT_EQ(cache->enter(plus(text, {2}))->computed, 100U);
}

TEST_F(PrefixCacheTest, SeparateSequencesMoveIntoGaps) {
  open({.unified = false, .sequences = 4});
  const auto text = text_of(1, 50);
  const auto low = *cache->enter(text_of(8, 10));
  const auto middle = *cache->enter(text_of(9, 10));
  const auto high = *cache->enter(text);
  compute(high.slot, text, 30);
  EXPECT_EQ(cache->move_inward(high.slot), high.slot) << "there is no gap";
  cache->leave_empty(middle.slot);
  EXPECT_EQ(cache->move_inward(high.slot), middle.slot);
  EXPECT_EQ(session->length(middle.slot), 30);
  EXPECT_EQ(session->cells_used(), 30U);
  cache->leave_empty(low.slot);
  EXPECT_EQ(cache->move_inward(middle.slot), middle.slot) << "what is left has no gap, wherever it is";
  auto other = *cache->enter(plus(text, {3}));
  EXPECT_TRUE(cache->waits(other.slot, plus(text, {3}), other.computed));
}

TEST_F(PrefixCacheTest, AModelThatCannotTrimReusesWholeTextsOnly) {
  open({.can_trim = false, .can_share = false, .sequences = 1});
  const auto text = text_of(1, 100);
  pass(text);
  EXPECT_EQ(pass(plus(std::vector<Token>(text.begin(), text.begin() + 60), {5})), 0U);
  EXPECT_EQ(pass(plus(text, {7})), 100U);
  EXPECT_EQ(counters.ram_hits, 1U);
}

TEST_F(PrefixCacheTest, AModelThatCannotTrimReusesTheCheckpointsOfItsPrompts) {
  open({.can_trim = false, .can_share = false, .sequences = 1});
  const auto common = text_of(1, 100);
  const auto text = plus(common, text_of(3, 50));
  const auto place = *cache->enter(text);
  compute(place.slot, text, 100);
  cache->checkpoint(place.slot, common);
  compute(place.slot, text);
  cache->leave_holding(place.slot, text);
  EXPECT_EQ(pass(plus(common, text_of(8, 40))), 100U);
}

TEST_F(PrefixCacheTest, ATextWaitsWhileItsBeginningIsReadFromDisk) {
  open({.sequences = 2, .ram_bytes_max = 0, .disk = true});
  const auto text = text_of(1, 100);
  pass(text);
  for (Token i = 2; i <= 4; ++i) pass(text_of(i * 10, 100));
  reads.hold = true;
  const auto longer = plus(text, {5, 6});
  auto place = *cache->enter(longer);
  EXPECT_EQ(place.computed, 0U);
  EXPECT_TRUE(cache->waits(place.slot, longer, place.computed));
  // Who comes later with the same beginning reads nothing: it will attach.
  auto other = *cache->enter(plus(text, {7, 7}));
  EXPECT_TRUE(cache->waits(other.slot, plus(text, {7, 7}), other.computed));
  reads.run_all();
  EXPECT_EQ(fetched, 1);
  EXPECT_FALSE(cache->waits(place.slot, longer, place.computed));
  EXPECT_EQ(place.computed, 100U);
  EXPECT_EQ(session->length(place.slot), 100);
  EXPECT_EQ(counters.disk_hits, 1U);
  EXPECT_FALSE(cache->waits(other.slot, plus(text, {7, 7}), other.computed));
  EXPECT_EQ(other.computed, 100U);
  EXPECT_EQ(counters.joined, 1U);
}

TEST_F(PrefixCacheTest, AStateThatCannotBeReadIsComputedAgain) {
  open({.sequences = 1, .ram_bytes_max = 0, .disk = true});
  const auto text = text_of(1, 100);
  pass(text);
  pass(text_of(50, 100));
  std::filesystem::remove(path / "1.state");
  auto place = *cache->enter(text);
  EXPECT_FALSE(cache->waits(place.slot, text, place.computed));
  EXPECT_EQ(place.computed, 0U);
  EXPECT_EQ(counters.disk_hits, 0U);
}

TEST_F(PrefixCacheTest, WhoLeavesWhileItIsReadWaitsNoMore) {
  open({.sequences = 1, .ram_bytes_max = 0, .disk = true});
  const auto text = text_of(1, 100);
  pass(text);
  pass(text_of(50, 100));
  reads.hold = true;
  const auto place = *cache->enter(text);
  cache->leave_empty(place.slot);
  reads.run_all();
  auto next = *cache->enter(text_of(90, 100));
  EXPECT_FALSE(cache->waits(next.slot, text_of(90, 100), next.computed));
  EXPECT_EQ(session->cells_used(), 0U);
}

TEST_F(PrefixCacheTest, AModelThatCannotTrimFindsWholeTextsOnDisk) {
  open({.can_trim = false, .can_share = false, .sequences = 1, .ram_bytes_max = 0, .disk = true});
  const auto text = text_of(1, 100);
  pass(text);
  pass(text_of(50, 100));
  auto part = *cache->enter(std::vector<Token>(text.begin(), text.begin() + 60));
  EXPECT_FALSE(cache->waits(part.slot, text, part.computed));
  EXPECT_EQ(part.computed, 0U);
  cache->leave_empty(part.slot);
  auto whole = *cache->enter(plus(text, {3}));
  EXPECT_FALSE(cache->waits(whole.slot, plus(text, {3}), whole.computed));
  EXPECT_EQ(whole.computed, 100U);
}

TEST_F(PrefixCacheTest, WhatRunsWhileItIsClearedIsSharedNoMoreAndLeavesNothing) {
  open({});
  const auto text = text_of(1, 100);
  const auto place = *cache->enter(text);
  compute(place.slot, text);
  cache->clear();
  EXPECT_EQ(session->length(place.slot), 100) << "it goes on";
  const auto other = *cache->enter(plus(text, {1}));
  EXPECT_EQ(other.computed, 0U);
  cache->leave_holding(place.slot, text);
  EXPECT_EQ(session->cells_used(), 0U);
  cache->leave_empty(other.slot);
  EXPECT_EQ(pass(text), 0U);
  EXPECT_EQ(pass(plus(text, {2})), 100U) << "what comes afterwards is remembered";
}

TEST_F(PrefixCacheTest, AClearedCacheRemembersNothing) {
  open({});
  pass(text_of(1, 100));
  cache->clear();
  EXPECT_EQ(session->cells_used(), 0U);
  EXPECT_EQ(counters.idle_cells, 0U);
  EXPECT_EQ(pass(text_of(1, 100)), 0U);
}

// Property 9 with everything that happens to a cache: what it says is computed is what the session holds, of the right text, and it is the
// longest beginning that any sequence held at that moment.
TEST(Property09, WhatIsReusedIsTheLongestThatAnySequenceHeld) {
  EXPECT_TRUE(rc::check("enter, compute, leave, move at random", [] {
    engines::FakeEngine engine;
    const bool unified = *rc::gen::arbitrary<bool>();
    auto model = *engine.load("fake", engines::fake_description(formats::Task::kTextGeneration), {});
    auto session =
        *model->open_generation_session({.context_tokens = 4000,
                                         .sequences_max = 5,
                                         .step_tokens_max = 1000,
                                         .layout = unified ? engines::CacheLayout::kUnified : engines::CacheLayout::kPerSequence});
    PrefixCacheCounters counters;
    PrefixCache cache(*session, *rc::gen::element<std::size_t>(0, 200, 4000), LowerTiers{}, counters);
    struct Running {
      std::vector<Token> text;
      PrefixCache::Place place;
    };
    std::vector<Running> running;
    std::map<SequenceId, std::vector<Token>> contents;
    const auto common = [](const std::vector<Token>& left, const std::vector<Token>& right) {
      return static_cast<std::size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
    };
    const int actions = *rc::gen::inRange(1, 50);
    for (int i = 0; i < actions; ++i) {
      const int action = *rc::gen::inRange(0, 4);
      if (action == 0 && cache.any_free()) {
        auto text = text_of(*rc::gen::inRange<Token>(0, 2), *rc::gen::inRange<std::size_t>(1, 120));
        text.push_back(*rc::gen::inRange<Token>(0, 3));
        const auto place = *cache.enter(text);
        RC_ASSERT(place.computed < text.size());
        RC_ASSERT(static_cast<std::size_t>(session->length(place.slot)) == place.computed);
        std::size_t longest = 0;
        for (const auto& [slot, content] : contents) longest = std::max(longest, std::min(common(content, text), text.size() - 1));
        RC_ASSERT(place.computed == longest || (longest < PrefixCache::kTokensMin && place.computed < longest));
        contents[place.slot].assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(place.computed));
        running.push_back({std::move(text), place});
      } else if (action == 1 && !running.empty()) {
        auto& one = running[*rc::gen::inRange<std::size_t>(0, running.size())];
        if (!cache.waits(one.place.slot, one.text, one.place.computed) && one.place.computed < one.text.size()) {
          const auto until = *rc::gen::inRange<std::size_t>(one.place.computed + 1, one.text.size() + 1);
          const engines::StepSlice slice{one.place.slot, static_cast<std::int32_t>(one.place.computed),
                                         std::span(one.text).subspan(one.place.computed, until - one.place.computed), false};
          RC_ASSERT(*session->step({&slice, 1}, {}) == engines::StepOutcome::kDone);
          one.place.computed = until;
        }
        RC_ASSERT(static_cast<std::size_t>(session->length(one.place.slot)) == one.place.computed);
        contents[one.place.slot].assign(one.text.begin(), one.text.begin() + static_cast<std::ptrdiff_t>(one.place.computed));
      } else if (action == 2 && !running.empty()) {
        const auto which = *rc::gen::inRange<std::size_t>(0, running.size());
        cache.leave_holding(running[which].place.slot, contents[running[which].place.slot]);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      } else if (action == 3 && !running.empty() && !unified) {
        auto& one = running[*rc::gen::inRange<std::size_t>(0, running.size())];
        const SequenceId moved = cache.move_inward(one.place.slot);
        if (moved != one.place.slot) contents[moved] = std::exchange(contents[one.place.slot], {});
        one.place.slot = moved;
      }
      for (auto& [slot, content] : contents) {
        if (session->length(slot) == 0) content.clear();
        RC_ASSERT(static_cast<std::size_t>(session->length(slot)) == content.size());
      }
    }
    RC_ASSERT(engine.control().counters.bad_steps == 0U);
    for (auto& one : running) cache.leave_empty(one.place.slot);
    cache.clear();
    RC_ASSERT(session->cells_used() == 0U);
    RC_ASSERT(counters.idle_cells == 0U);
    RC_ASSERT(counters.idle_texts == 0U);
  }));
}

}  // namespace
}  // namespace forebay::scheduling
