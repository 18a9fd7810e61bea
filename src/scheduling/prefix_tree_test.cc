#include "scheduling/prefix_tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

namespace forebay::scheduling {
namespace {

using Holder = PrefixTree::Holder;
using Texts = std::map<Holder, std::vector<Token>>;

std::vector<PrefixTree::Match> matches_of(const PrefixTree& tree, const std::vector<Token>& text, std::size_t tokens_min = 1) {
  std::vector<PrefixTree::Match> matches;
  tree.search(text, tokens_min, [&](const PrefixTree::Match& match) {
    matches.push_back(match);
    return false;
  });
  return matches;
}

std::size_t common(const std::vector<Token>& left, const std::vector<Token>& right) {
  return static_cast<std::size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
}

TEST(PrefixTree, FindsTheHolderWithTheLongestCommonBeginningFirst) {
  PrefixTree tree;
  tree.set(1, std::vector<Token>{1, 2, 3});
  tree.set(2, std::vector<Token>{1, 2, 3, 4, 5});
  tree.set(3, std::vector<Token>{1, 9});
  const auto matches = matches_of(tree, {1, 2, 3, 4, 7});
  ASSERT_EQ(matches.size(), 3U);
  EXPECT_EQ(matches[0].holder, 2U);
  EXPECT_EQ(matches[0].tokens, 4U);
  EXPECT_EQ(matches[1].holder, 1U);
  EXPECT_EQ(matches[1].tokens, 3U);
  EXPECT_EQ(matches[2].holder, 3U);
  EXPECT_EQ(matches[2].tokens, 1U);
}

TEST(PrefixTree, LeavesOutMatchesThatAreTooShort) {
  PrefixTree tree;
  tree.set(1, std::vector<Token>{1, 2, 3});
  EXPECT_TRUE(matches_of(tree, {1, 2, 4}, 3).empty());
  EXPECT_EQ(matches_of(tree, {1, 2, 4}, 2).size(), 1U);
}

TEST(PrefixTree, StopsWhenTheLookerIsContent) {
  PrefixTree tree;
  tree.set(1, std::vector<Token>{1});
  tree.set(2, std::vector<Token>{1, 2});
  int looked = 0;
  EXPECT_TRUE(tree.search(std::vector<Token>{1, 2}, 1, [&](const auto&) { return ++looked == 1; }));
  EXPECT_EQ(looked, 1);
}

TEST(PrefixTree, TwoHoldersMayHaveTheSameText) {
  PrefixTree tree;
  tree.set(1, std::vector<Token>{5, 6});
  tree.set(2, std::vector<Token>{5, 6});
  EXPECT_EQ(matches_of(tree, {5, 6}).size(), 2U);
  tree.erase(1);
  ASSERT_EQ(matches_of(tree, {5, 6}).size(), 1U);
  EXPECT_EQ(matches_of(tree, {5, 6})[0].holder, 2U);
}

TEST(Property09, TheLongestPrefixIsFoundWhateverWasHeldAndForgotten) {
  EXPECT_TRUE(rc::check("as a list of texts would answer", [] {
    PrefixTree tree;
    Texts texts;
    const auto text = rc::gen::container<std::vector<Token>>(rc::gen::inRange<Token>(0, 3));
    const int actions = *rc::gen::inRange(1, 60);
    for (int i = 0; i < actions; ++i) {
      const auto holder = *rc::gen::inRange<Holder>(0, 12);
      const auto tokens = *text;
      tree.set(holder, tokens);
      if (tokens.empty())
        texts.erase(holder);
      else
        texts[holder] = tokens;
      RC_ASSERT(tree.is_compact());
      RC_ASSERT(tree.holders() == texts.size());
    }
    const auto asked = *text;
    const auto tokens_min = *rc::gen::inRange<std::size_t>(1, 5);
    std::map<Holder, std::size_t> expected;
    for (const auto& [holder, tokens] : texts) {
      RC_ASSERT(tree.length(holder) == tokens.size());
      if (common(tokens, asked) >= tokens_min) expected[holder] = common(tokens, asked);
    }
    const auto matches = matches_of(tree, asked, tokens_min);
    RC_ASSERT(std::ranges::is_sorted(matches, std::ranges::greater(), &PrefixTree::Match::tokens));
    std::map<Holder, std::size_t> found;
    for (const auto& match : matches) found[match.holder] = match.tokens;
    RC_ASSERT(found == expected);
    RC_ASSERT(found.size() == matches.size());
  }));
}

TEST(PrefixTree, TextsOfDifferentAdaptersHaveNothingInCommon) {
  PrefixTree tree;
  const std::vector<Token> text = {1, 2, 3};
  tree.set(1, text);
  tree.set(2, {text, 7});
  std::vector<PrefixTree::Holder> found;
  const auto look = [&](const PrefixTree::Match& match) {
    found.push_back(match.holder);
    return false;
  };
  tree.search(text, 1, look);
  tree.search({text, 7}, 1, look);
  tree.search({text, 8}, 1, look);
  EXPECT_EQ(found, (std::vector<PrefixTree::Holder>{1, 2}));
  tree.set(2, text);
  found.clear();
  tree.search({text, 7}, 1, look);
  EXPECT_TRUE(found.empty()) << "it has another one now";
  EXPECT_TRUE(tree.is_compact());
}

TEST(PrefixTree, TextsOfDifferentOriginsHaveNothingInCommon) {
  PrefixTree tree;
  const std::vector<Token> text{1, 2, 3};
  tree.set(1, {text, {0, 7}});
  const auto any = [](const PrefixTree::Match&) { return true; };
  EXPECT_TRUE(tree.search({text, {0, 7}}, 1, any));
  EXPECT_FALSE(tree.search({text, {0, 8}}, 1, any));
  EXPECT_FALSE(tree.search({text, {1, 7}}, 1, any));
  EXPECT_FALSE(tree.search(text, 1, any));
}

}  // namespace
}  // namespace forebay::scheduling
