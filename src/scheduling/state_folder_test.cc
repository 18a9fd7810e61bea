#include "scheduling/state_folder.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include <fstream>
#include <numeric>

#include "base/ids.h"
#include "base/testing/inline_executor.h"
#include "scheduling/errors.h"
#include "scheduling/state_file.h"

namespace forebay::scheduling {
namespace {
namespace fs = std::filesystem;

std::vector<Token> text_of(Token first, std::size_t tokens) {
  std::vector<Token> text(tokens);
  std::iota(text.begin(), text.end(), first * 1000);
  return text;
}
SavedStatePointer saved(std::vector<Token> tokens, std::size_t bytes = 200) {
  auto state = std::make_shared<SavedState>();
  state->bytes.assign(bytes, static_cast<std::byte>(tokens.front() / 1000));
  state->tokens = std::move(tokens);
  return state;
}

class StateFolderTest : public ::testing::Test {
 public:
  StateFolderTest() { options.path = fs::path(::testing::TempDir()) / make_id("states"); }
  ~StateFolderTest() override {
    folder.reset();
    fs::remove_all(options.path);
  }

 protected:
  void open() {
    folder.reset();
    auto opened = StateFolder::open(options, reads, writes);
    ASSERT_TRUE(opened) << opened.error().to_string();
    folder = *std::move(opened);
  }
  // Who has the longest beginning, read to its end.
  SavedStatePointer read(const std::vector<Token>& text, std::size_t tokens_min = 1, bool whole = false) {
    const auto fetch = folder->fetch(text, tokens_min, whole, [this] { ++called; });
    return fetch && fetch->done() ? fetch->state() : nullptr;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(options.path)) {
      if (entry.path().filename() != "lock") found.push_back(entry.path());
    }
    return found;
  }

  StateFolderOptions options{.path = {}, .bytes_max = 100'000, .tokens_min = 4};
  InlineExecutor reads;
  InlineExecutor writes;
  std::unique_ptr<StateFolder> folder;
  int called = 0;
};

TEST_F(StateFolderTest, GivesBackWhatWasPutAlsoAfterARestart) {
  open();
  folder->put(saved(text_of(1, 20)));
  EXPECT_EQ(folder->longest(text_of(1, 30), false), 20U);
  for (int i = 0; i < 2; ++i) {
    const auto back = read(text_of(1, 30));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->tokens, text_of(1, 20));
    EXPECT_EQ(back->bytes, saved(text_of(1, 20))->bytes);
    EXPECT_EQ(called, i + 1);
    open();
  }
  EXPECT_EQ(folder->stats().entries, 1U);
}

TEST_F(StateFolderTest, WhatIsNotWrittenYetIsThereAllTheSame) {
  open();
  writes.hold = true;
  folder->put(saved(text_of(1, 20)));
  EXPECT_TRUE(files().empty());
  EXPECT_TRUE(read(text_of(1, 20)));
  EXPECT_EQ(called, 0) << "it was done at once";
  writes.run_all();
  EXPECT_EQ(files().size(), 1U);
  EXPECT_TRUE(read(text_of(1, 20)));
  EXPECT_EQ(called, 1);
}

TEST_F(StateFolderTest, AReadInProgressIsNotDone) {
  open();
  folder->put(saved(text_of(1, 20)));
  reads.hold = true;
  const auto fetch = folder->fetch(text_of(1, 20), 1, false, [this] { ++called; });
  ASSERT_TRUE(fetch);
  EXPECT_FALSE(fetch->done());
  reads.run_all();
  EXPECT_TRUE(fetch->done());
  EXPECT_EQ(called, 1);
}

TEST_F(StateFolderTest, PartOfAStateServesUnlessOnlyWholeOnesDo) {
  open();
  folder->put(saved(text_of(1, 20)));
  EXPECT_TRUE(read(text_of(1, 12)));
  EXPECT_FALSE(read(text_of(1, 12), 13));
  EXPECT_FALSE(read(text_of(1, 12), 1, true));
  EXPECT_TRUE(read(text_of(1, 25), 1, true));
}

TEST_F(StateFolderTest, AContinuedTextReplacesItsBeginning) {
  open();
  folder->put(saved(text_of(1, 20)));
  folder->put(saved(text_of(1, 30)));
  folder->put(saved(text_of(1, 10)));
  EXPECT_EQ(folder->stats().entries, 1U);
  EXPECT_EQ(files().size(), 1U);
  EXPECT_EQ(folder->longest(text_of(1, 40), false), 30U);
}

TEST_F(StateFolderTest, StaysWithinItsBytesAndForgetsWhatWasUsedLongestAgo) {
  const std::size_t one = state_file_bytes(*saved(text_of(1, 20)));
  options.bytes_max = 3 * one;
  open();
  for (Token i = 1; i <= 3; ++i) folder->put(saved(text_of(i, 20)));
  EXPECT_TRUE(read(text_of(1, 20)));
  folder->put(saved(text_of(4, 20)));
  EXPECT_EQ(files().size(), 3U);
  EXPECT_EQ(folder->stats().bytes, 3 * one);
  EXPECT_EQ(folder->stats().evictions, 1U);
  EXPECT_TRUE(read(text_of(1, 20)));
  EXPECT_FALSE(read(text_of(2, 20)));
  folder->put(saved(text_of(5, 20), 3 * one));
  EXPECT_EQ(files().size(), 3U) << "what is too large for all of it is not kept";
  options.bytes_max = one;
  open();
  EXPECT_EQ(files().size(), 1U) << "it was made smaller";
}

TEST_F(StateFolderTest, WhatIsEvictedBeforeItIsWrittenNeverIs) {
  options.bytes_max = state_file_bytes(*saved(text_of(1, 20)));
  open();
  writes.hold = true;
  folder->put(saved(text_of(1, 20)));
  folder->put(saved(text_of(2, 20)));
  writes.run_all();
  EXPECT_EQ(files().size(), 1U);
  EXPECT_TRUE(read(text_of(2, 20)));
}

TEST_F(StateFolderTest, AFullQueueOfWritesLosesAStateAndNothingElse) {
  open();
  writes.refuse = true;
  folder->put(saved(text_of(1, 20)));
  EXPECT_EQ(folder->stats().entries, 0U);
  writes.refuse = false;
  folder->put(saved(text_of(2, 20)));
  reads.refuse = true;
  EXPECT_FALSE(read(text_of(2, 20)));
  reads.refuse = false;
  EXPECT_TRUE(read(text_of(2, 20)));
}

TEST_F(StateFolderTest, StatesThatWaitToBeWrittenAreBounded) {
  options.bytes_max = 4 * StateFolder::kUnwrittenBytesMax;
  open();
  writes.hold = true;
  folder->put(saved(text_of(1, 20), StateFolder::kUnwrittenBytesMax + 1));
  folder->put(saved(text_of(2, 20)));
  EXPECT_EQ(folder->stats().entries, 1U);
  writes.run_all();
  folder->put(saved(text_of(2, 20)));
  EXPECT_EQ(folder->stats().entries, 2U);
  writes.run_all();
}

TEST_F(StateFolderTest, ADamagedFileIsRefusedOnceAndRemoved) {
  open();
  folder->put(saved(text_of(1, 20)));
  folder->put(saved(text_of(2, 20)));
  for (const auto& file : files()) {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(-1, std::ios::end).put('!');
  }
  EXPECT_FALSE(read(text_of(1, 20)));
  EXPECT_EQ(folder->longest(text_of(1, 20), false), 0U);
  EXPECT_EQ(folder->stats().refused, 1U);
  open();
  EXPECT_EQ(files().size(), 1U);
  EXPECT_FALSE(read(text_of(2, 20)));
}

TEST_F(StateFolderTest, FilesOfAnotherModelCutOnesAndUnfinishedOnesAreRemovedAtTheStart) {
  open();
  folder->put(saved(text_of(1, 20)));
  folder->put(saved(text_of(2, 20)));
  folder.reset();
  fs::resize_file(options.path / "1.state", 130);
  std::ofstream(options.path / "3.state") << "no state at all";
  std::ofstream(options.path / "4.state.new_abc") << "begun";
  std::ofstream(options.path / "notes.txt") << "somebody's own";
  open();
  EXPECT_EQ(folder->stats().entries, 1U);
  EXPECT_EQ(folder->stats().refused, 2U);
  EXPECT_EQ(files().size(), 2U) << "the good one, and what is not ours";
  options.keys[0][0] = std::byte{1};
  open();
  EXPECT_EQ(folder->stats().entries, 0U);
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(StateFolderTest, ALinkIsNotFollowed) {
  open();
  folder->put(saved(text_of(1, 20)));
  folder.reset();
  const fs::path elsewhere = options.path.string() + ".elsewhere";
  fs::rename(options.path / "1.state", elsewhere);
  fs::create_symlink(elsewhere, options.path / "1.state");
  open();
  EXPECT_EQ(folder->stats().entries, 0U);
  fs::remove(elsewhere);
}

TEST_F(StateFolderTest, ClearedItHasNoFiles) {
  open();
  for (Token i = 1; i <= 3; ++i) folder->put(saved(text_of(i, 20)));
  folder->clear();
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(folder->stats().bytes, 0U);
  folder->put(saved(text_of(1, 20)));
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(StateFolderTest, BelongsToOneServerAtATime) {
  open();
  EXPECT_EQ(StateFolder::open(options, reads, writes).error().code(), kStateFolderBusy);
}

TEST_F(StateFolderTest, IsRefusedWhereOthersMayWrite) {
  fs::create_directories(options.path);
  ::chmod(options.path.c_str(), 0777);
  EXPECT_EQ(StateFolder::open(options, reads, writes).error().code(), kStateFolderRefused);
  ::chmod(options.path.c_str(), 0700);
  open();
  options.path /= "lock";
  EXPECT_EQ(StateFolder::open(options, reads, writes).error().code(), kStateFolderRefused);
  options.path = options.path.parent_path();
}

TEST_F(StateFolderTest, ClosedItTakesAndGivesNothing) {
  open();
  folder->put(saved(text_of(1, 20)));
  folder->close();
  folder->put(saved(text_of(2, 20)));
  folder->clear();
  EXPECT_EQ(files().size(), 1U);
  EXPECT_FALSE(read(text_of(1, 20)));
}

// Whatever is done: the files are those of the index and within the bytes, and what is read is what was put.
TEST_F(StateFolderTest, Property04FilesAndIndexAgreeAfterEveryAction) {
  EXPECT_TRUE(rc::check("put, read, clear, restart at random", [this] {
    folder.reset();
    fs::remove_all(options.path);
    options.bytes_max = 2'000;
    open();
    const int actions = *rc::gen::inRange(1, 40);
    for (int i = 0; i < actions; ++i) {
      const Token which = *rc::gen::inRange<Token>(1, 12);
      const auto tokens = *rc::gen::inRange<std::size_t>(4, 40);
      const int action = *rc::gen::inRange(0, 12);
      if (action < 6) {
        folder->put(saved(text_of(which, tokens), *rc::gen::inRange<std::size_t>(1, 600)));
      } else if (action < 10) {
        const auto found = folder->longest(text_of(which, tokens), false);
        const auto back = read(text_of(which, tokens));
        RC_ASSERT((found > 0) == (back != nullptr));
        if (back) RC_ASSERT(back->bytes.front() == static_cast<std::byte>(which));
      } else if (action == 10) {
        folder->clear();
      } else {
        open();
      }
      std::uintmax_t bytes = 0;
      for (const auto& file : files()) bytes += fs::file_size(file);
      RC_ASSERT(bytes == folder->stats().bytes);
      RC_ASSERT(files().size() == folder->stats().entries);
      RC_ASSERT(bytes <= options.bytes_max);
      RC_ASSERT(folder->stats().refused == 0U);
    }
  }));
}

}  // namespace
}  // namespace forebay::scheduling
