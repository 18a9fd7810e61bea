#include "text/fewest_tokens.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/errors.h"

namespace forebay::text {
namespace {

// The fewest pieces by trying every way, from the end: nothing like the implementation.
std::size_t fewest_naively(const std::vector<std::string>& pieces, const std::string& text, bool spaces_vanish) {
  constexpr std::size_t kNever = 1'000'000;
  std::vector<std::size_t> from(text.size() + 1, kNever);
  from[text.size()] = 0;
  for (std::size_t at = text.size(); at-- > 0;) {
    const bool known = std::ranges::any_of(pieces, [&](const auto& piece) { return piece == std::string(1, text[at]); });
    if (!known || (spaces_vanish && text[at] == ' ')) from[at] = from[at + 1];
    for (const auto& piece : pieces) {
      for (const auto& form : {piece, piece.starts_with(' ') ? piece.substr(1) : piece}) {
        if (!form.empty() && text.compare(at, form.size(), form) == 0) from[at] = std::min(from[at], from[at + form.size()] + 1);
      }
    }
  }
  return from[0];
}

TEST(FewestTokens, CountsTheFewestPiecesThatCoverTheText) {
  const FewestTokens fewest({"a", "b", "ab", "aab", " b"});
  EXPECT_TRUE(fewest.may_fit("aabab", 2, nullptr).value());
  EXPECT_FALSE(fewest.may_fit("aabab", 1, nullptr).value());
  EXPECT_TRUE(fewest.may_fit("aabb", 2, nullptr).value());
  EXPECT_TRUE(fewest.may_fit("xxxxxxxx", 0, nullptr).value()) << "bytes that no piece stands for may be left out";
}

TEST(FewestTokens, RefusesByBytesAloneWhereEveryByteIsAToken) {
  std::vector<std::string> pieces{"four"};
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  const FewestTokens fewest(std::move(pieces));
  EXPECT_EQ(fewest.longest_piece(), 4U);
  EXPECT_TRUE(fewest.may_fit("fourfour", 2, nullptr).value());
  EXPECT_FALSE(fewest.may_fit("fourfour!", 2, nullptr).value());
  EXPECT_FALSE(fewest.may_fit("fourfou!", 2, nullptr).value());
}

TEST(FewestTokens, KnowsNothingWithoutAVocabulary) { EXPECT_TRUE(FewestTokens().may_fit(std::string(100, 'a'), 1, nullptr).value()); }

TEST(FewestTokens, StopsWhenItIsCancelled) {
  const CancelToken cancel;
  cancel.cancel(CancelReason::kDeadline);
  const auto stopped = FewestTokens({"a"}).may_fit("aaaa", 3, &cancel);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), kDeadlinePassed);
}

TEST(FewestTokens, IsTheNaiveAnswerForAnyVocabulary) {
  EXPECT_TRUE(rc::check("the bound is the fewest", [] {
    const auto word = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab "))));
    const auto pieces = *rc::gen::container<std::vector<std::string>>(word);
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab c")));
    const bool vanish = *rc::gen::arbitrary<bool>();
    const auto most = *rc::gen::inRange<std::size_t>(0, 12);
    const FewestTokens fewest(pieces, vanish);
    RC_ASSERT(fewest.may_fit(text, most, nullptr).value() == (pieces.empty() || fewest_naively(pieces, text, vanish) <= most));
  }));
}

}  // namespace
}  // namespace forebay::text
