#include "text/window_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "text/errors.h"
#include "text/subword_tokenizer.h"

namespace forebay::text {
namespace {

constexpr std::string_view kWordPiece = R"({"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"##b":2,"b":3,",":4}})";

std::string file_with(std::string_view rest) { return fmt::format(R"({{"model":{}{}}})", kWordPiece, rest); }
WindowCut cut_of(std::string_view rest) { return window_cut_of(read_tokenizer_file(file_with(rest)).value()); }

TEST(WindowRules, CutWhereNoComponentLooksAcross) {
  EXPECT_EQ(cut_of(R"(,"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"})"), WindowCut::kAfterSpace);
  EXPECT_EQ(cut_of(R"(,"pre_tokenizer":{"type":"Metaspace"})"), WindowCut::kBetweenWords);
  EXPECT_EQ(cut_of(R"(,"pre_tokenizer":{"type":"ByteLevel"})"), WindowCut::kBetweenWords);
  EXPECT_EQ(cut_of(R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace"}]})"),
            WindowCut::kAfterSpace);
  EXPECT_EQ(
      cut_of(R"(,"normalizer":{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},"pre_tokenizer":{"type":"WhitespaceSplit"})"),
      WindowCut::kBetweenWords);
}

TEST(WindowRules, LeaveATextWholeWhereAComponentMayLookAcross) {
  EXPECT_EQ(cut_of(""), WindowCut::kNone);
  EXPECT_EQ(cut_of(R"(,"pre_tokenizer":{"type":"Metaspace","split":false})"), WindowCut::kNone);
  EXPECT_EQ(cut_of(R"(,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a b"},"behavior":"Isolated","invert":false})"),
            WindowCut::kNone);
  EXPECT_EQ(cut_of(R"(,"normalizer":{"type":"Strip"},"pre_tokenizer":{"type":"BertPreTokenizer"})"), WindowCut::kNone);
  EXPECT_EQ(cut_of(R"(,"normalizer":{"type":"Prepend","prepend":"_"},"pre_tokenizer":{"type":"BertPreTokenizer"})"), WindowCut::kNone);
  EXPECT_EQ(
      cut_of(R"(,"normalizer":{"type":"Replace","pattern":{"Regex":"a.b"},"content":""},"pre_tokenizer":{"type":"BertPreTokenizer"})"),
      WindowCut::kNone);
  EXPECT_EQ(cut_of(R"(,"added_tokens":[{"id":0,"content":"a b","normalized":true}],"pre_tokenizer":{"type":"BertPreTokenizer"})"),
            WindowCut::kNone);
}

std::unique_ptr<SubwordTokenizer> bert() {
  return SubwordTokenizer::read(file_with(R"(,"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"})"))
      .value();
}

// A text of many windows has the tokens of its words; each text of one window is tokenized as before.
TEST(LongTexts, HaveTheTokensOfTheirWords) {
  const auto tokenizer = bert();
  std::string text;
  std::vector<Token> expected;
  for (std::size_t i = 0; text.size() < 5 * TextWindows::kBytes; ++i) {
    const char* words[] = {"ab ", "a, ", "b\n", "zz  ", "aB "};
    text += words[i % 5];
    const std::vector<Token> alone = tokenizer->encode(words[i % 5], {}).value();
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  EXPECT_EQ(tokenizer->encode(text, {}).value(), expected);
}

TEST(LongTexts, StopAtTheLimitAndWhereNothingMoreIsWanted) {
  const auto tokenizer = bert();
  std::string text;
  while (text.size() < 15 << 20) text += "ab b , ";
  const auto refused = tokenizer->encode(text, {.tokens_max = 100});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kTextTooLong);
  EXPECT_EQ(tokenizer->encode(text, {.truncate_to = 5}).value(), (std::vector<Token>{1, 2, 3, 4, 1}));
}

TEST(LongTexts, StopWhenTheyAreCancelled) {
  const CancelToken cancel;
  cancel.cancel(CancelReason::kClientGone);
  const auto stopped = bert()->encode("a b", {.cancel = &cancel});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), kCancelledByCaller);
}

}  // namespace
}  // namespace forebay::text
