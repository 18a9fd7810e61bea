#include "scheduling/prefix_directory.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace forebay::scheduling {
namespace {

using text::Token;
constexpr std::size_t kBlock = PrefixDirectory::kBlockTokens;

std::vector<std::uint64_t> hashes(KeyedText tokens) { return PrefixDirectory::hashes_of(tokens); }
std::size_t longest(PrefixDirectory& directory, KeyedText tokens, PrefixDirectory::Holder holder) {
  return directory.longest(hashes(tokens), std::span(&holder, 1)).front();
}

TEST(PrefixDirectory, FindsWholeBlocksOfWhatAHolderComputed) {
  PrefixDirectory directory(100);
  std::vector<Token> tokens(3 * kBlock + 5, 'a');
  directory.note(1, hashes(tokens));
  EXPECT_EQ(longest(directory, tokens, 1), 3 * kBlock);
  EXPECT_EQ(longest(directory, tokens, 2), 0U);
  tokens[kBlock + 1] = 'b';
  EXPECT_EQ(longest(directory, tokens, 1), kBlock);
  tokens[0] = 'b';
  EXPECT_EQ(longest(directory, tokens, 1), 0U) << "the same block elsewhere is another one";
  EXPECT_EQ(longest(directory, std::vector<Token>(kBlock - 1, 'a'), 1), 0U);
}

TEST(PrefixDirectory, RemembersAsManyBlocksAsItMay) {
  PrefixDirectory directory(2);
  directory.note(1, hashes(std::vector<Token>(kBlock, 'a')));
  directory.note(1, hashes(std::vector<Token>(kBlock, 'b')));
  EXPECT_EQ(longest(directory, std::vector<Token>(kBlock, 'a'), 1), kBlock) << "which renews it";
  directory.note(1, hashes(std::vector<Token>(kBlock, 'c')));
  EXPECT_EQ(directory.size(), 2U);
  EXPECT_EQ(longest(directory, std::vector<Token>(kBlock, 'a'), 1), kBlock);
  EXPECT_EQ(longest(directory, std::vector<Token>(kBlock, 'b'), 1), 0U);
}

TEST(PrefixDirectory, ForgetsTheOldestHolderOfABlockThatManyComputed) {
  PrefixDirectory directory(10);
  const std::vector<Token> tokens(kBlock, 'a');
  for (PrefixDirectory::Holder holder = 0; holder <= PrefixDirectory::kHoldersMax; ++holder) directory.note(holder, hashes(tokens));
  EXPECT_EQ(longest(directory, tokens, 0), 0U);
  EXPECT_EQ(longest(directory, tokens, 1), kBlock);
}

TEST(PrefixDirectory, AgreesWithARecordOfEveryTextWhileNothingIsForgotten) {
  EXPECT_TRUE(rc::check("prefix directory", [] {
    PrefixDirectory directory(100'000);
    std::map<PrefixDirectory::Holder, std::vector<std::vector<Token>>> naive;
    // Made of few different blocks, so that beginnings are shared.
    const auto random_text = [] {
      std::vector<Token> tokens;
      const int blocks = *rc::gen::inRange(0, 6);
      for (int i = 0; i < blocks; ++i) tokens.insert(tokens.end(), kBlock, *rc::gen::element<Token>('a', 'b'));
      tokens.resize(tokens.size() + *rc::gen::inRange<std::size_t>(0, kBlock), 'a');
      return tokens;
    };
    const int steps = *rc::gen::inRange(1, 40);
    for (int step = 0; step < steps; ++step) {
      const auto text = random_text();
      const auto holder = *rc::gen::inRange<PrefixDirectory::Holder>(0, 4);
      if (*rc::gen::arbitrary<bool>()) {
        directory.note(holder, hashes(text));
        naive[holder].push_back(text);
        continue;
      }
      const std::vector<PrefixDirectory::Holder> holders{0, 1, 2, 3};
      const auto found = directory.longest(hashes(text), holders);
      for (const auto one : holders) {
        std::size_t longest = 0;
        for (const auto& known : naive[one]) {
          const auto common = static_cast<std::size_t>(std::ranges::mismatch(known, text).in1 - known.begin());
          longest = std::max(longest, common / kBlock * kBlock);
        }
        RC_ASSERT(found[one] == longest);
      }
    }
  }));
}

TEST(PrefixDirectory, ABlockOfAnotherScopeIsAnotherBlock) {
  PrefixDirectory directory(10);
  const std::vector<Token> tokens(PrefixDirectory::kBlockTokens, 'a');
  directory.note(1, PrefixDirectory::hashes_of(KeyedText(tokens, {0, 7})));
  EXPECT_EQ(longest(directory, KeyedText(tokens, {0, 7}), 1), PrefixDirectory::kBlockTokens);
  EXPECT_EQ(longest(directory, KeyedText(tokens, {0, 8}), 1), 0U);
  EXPECT_EQ(longest(directory, tokens, 1), 0U);
}

}  // namespace
}  // namespace forebay::scheduling
