#include "text/subword_tokenizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "text/errors.h"

namespace forebay::text {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kWordPieceModel =
    R"({"type":"WordPiece","unk_token":"[UNK]","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"un":4,"##related":5,"words":6,",":7,"a":8,"##b":9}})";
constexpr std::string_view kBertTemplate = R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})";

std::string file_with(std::string_view model, std::string_view rest) { return fmt::format(R"({{"model":{}{}}})", model, rest); }

std::string bert(std::string_view more = "") {
  return file_with(
      kWordPieceModel,
      fmt::format(R"(,"normalizer":{{"type":"BertNormalizer"}},"pre_tokenizer":{{"type":"BertPreTokenizer"}},"post_processor":{}{})",
                  kBertTemplate, more));
}

std::unique_ptr<SubwordTokenizer> made(const std::string& json, const TokenizerLimits& limits = {}) {
  auto tokenizer = SubwordTokenizer::read(json, limits);
  EXPECT_TRUE(tokenizer) << tokenizer.error().to_log_string();
  return tokenizer ? *std::move(tokenizer) : nullptr;
}

std::vector<Token> tokens(const SubwordTokenizer& tokenizer, std::string_view text, const EncodeOptions& options = {}) {
  auto encoded = tokenizer.encode(text, options);
  EXPECT_TRUE(encoded) << encoded.error().to_log_string();
  return encoded ? *encoded : std::vector<Token>();
}

const ErrorCode& refusal(const std::string& json, const TokenizerLimits& limits = {}) {
  const auto tokenizer = SubwordTokenizer::read(json, limits);
  EXPECT_FALSE(tokenizer);
  return tokenizer ? kInvalidUtf8 : tokenizer.error().code();
}

TEST(SubwordTokenizer, WordsBecomeTheirLongestPieces) {
  const auto tokenizer = made(bert());
  EXPECT_THAT(tokens(*tokenizer, "Unrelated, words ab"), ElementsAre(2, 4, 5, 7, 6, 8, 9, 3));
  EXPECT_THAT(tokens(*tokenizer, "ünrelated xyz"), ElementsAre(2, 4, 5, 1, 3));
  EXPECT_THAT(tokens(*tokenizer, ""), ElementsAre(2, 3));
  EXPECT_THAT(tokens(*tokenizer, "words", {.add_special = false}), ElementsAre(6));
}

TEST(SubwordTokenizer, TruncationKeepsTheSpecialTokens) {
  const auto tokenizer = made(bert());
  EXPECT_THAT(tokens(*tokenizer, "words words words words", {.truncate_to = 4}), ElementsAre(2, 6, 6, 3));
  EXPECT_THAT(tokens(*tokenizer, "words words", {.truncate_to = 4}), ElementsAre(2, 6, 6, 3));
  EXPECT_THAT(tokens(*tokenizer, "words", {.truncate_to = 1}), ElementsAre(2, 3));
}

TEST(SubwordTokenizer, APairHasTheSecondTextBehindTheFirst) {
  const auto tokenizer = made(bert());
  const auto pair = tokenizer->encode_pair("words", "a,", {});
  ASSERT_TRUE(pair);
  EXPECT_THAT(pair->tokens, ElementsAre(2, 6, 3, 8, 7, 3));
  EXPECT_EQ(pair->second_from, 3U);
  const auto cut = tokenizer->encode_pair("words", "a,a,a,a,a", {.truncate_to = 7});
  ASSERT_TRUE(cut);
  EXPECT_THAT(cut->tokens, ElementsAre(2, 6, 3, 8, 7, 8, 3));
}

TEST(SubwordTokenizer, AddedTokensAreFoundInTheTextAndSpecialOnesOnlyWhenAsked) {
  const auto tokenizer = made(bert(
      R"(,"added_tokens":[{"id":0,"content":"[PAD]","special":true},{"id":10,"content":"new","single_word":true,"normalized":true}])"));
  EXPECT_THAT(tokens(*tokenizer, "NEW words anew", {.add_special = false}), ElementsAre(10, 6, 1));
  EXPECT_THAT(tokens(*tokenizer, "[PAD]", {.add_special = false, .parse_special = true}), ElementsAre(0));
  EXPECT_THAT(tokens(*tokenizer, "[PAD]", {.add_special = false}), ElementsAre(1, 1, 1));
  EXPECT_EQ(tokenizer->vocabulary_size(), 11);
  EXPECT_EQ(tokenizer->piece(0, false), "");
  EXPECT_EQ(tokenizer->piece(0, true), "[PAD]");
  EXPECT_EQ(tokenizer->piece(6, false), "words");
  EXPECT_EQ(tokenizer->piece(11, true), "");
}

TEST(SubwordTokenizer, TheTokenThatFillsUpIsWhatTheFileSaysElseTheOneOfThatName) {
  EXPECT_EQ(made(bert())->padding_token(), 0);
  EXPECT_EQ(made(bert(R"(,"padding":{"pad_id":3})"))->padding_token(), 3);
  EXPECT_EQ(made(bert(R"(,"padding":{"pad_id":99})"))->padding_token(), 0);
  EXPECT_EQ(made(bert(R"(,"truncation":{"max_length":128})"))->truncation_tokens(), 128U);
}

TEST(SubwordTokenizer, MergesMayBeWrittenInTwoWays) {
  for (const auto* merges : {R"(["b c","a bc","a b"])", R"([["b","c"],["a","bc"],["a","b"]])"}) {
    const auto tokenizer =
        made(file_with(fmt::format(R"({{"type":"BPE","vocab":{{"a":0,"b":1,"c":2,"bc":3,"ab":4,"abc":5}},"merges":{}}})", merges), ""));
    EXPECT_THAT(tokens(*tokenizer, "abc"), ElementsAre(5));
    EXPECT_THAT(tokens(*tokenizer, "abab"), ElementsAre(4, 4));
    EXPECT_THAT(tokens(*tokenizer, "axbc"), ElementsAre(5));  // without a token for what is unknown, it is left out
  }
}

TEST(SubwordTokenizer, TheMostLikelyPiecesAreTaken) {
  const auto tokenizer =
      made(file_with(R"({"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["b",-1],["ab",-1.5],["abc",-9]]})", ""));
  EXPECT_THAT(tokens(*tokenizer, "abab"), ElementsAre(3, 3));
  EXPECT_THAT(tokens(*tokenizer, "xxa"), ElementsAre(0, 1));
}

TEST(SubwordTokenizer, RefusesWhatItDoesNotUnderstandByName) {
  EXPECT_EQ(refusal("{"), kTokenizerInvalid);
  EXPECT_EQ(refusal("{}"), kTokenizerInvalid);
  EXPECT_EQ(refusal(bert(R"(,"normalizer":{"type":"Shout"})")), kTokenizerUnsupported);
  EXPECT_EQ(refusal(file_with(R"({"type":"Transducer","vocab":{"a":0}})", "")), kTokenizerUnsupported);
  EXPECT_EQ(refusal(file_with(R"({"type":"BPE","vocab":{"a":0},"merges":["a b"]})", "")), kTokenizerInvalid);
  EXPECT_EQ(refusal(file_with(R"({"type":"WordPiece","unk_token":"?","vocab":{"a":0}})", "")), kTokenizerInvalid);
  EXPECT_EQ(refusal(file_with(kWordPieceModel, R"(,"post_processor":{"type":"BertProcessing","sep":["x",900],"cls":["y",2]})")),
            kTokenizerInvalid);
}

TEST(SubwordTokenizer, LimitsHoldAtTheirEdge) {
  const auto json = bert();
  EXPECT_TRUE(SubwordTokenizer::read(json, {.file_bytes_max = json.size()}));
  EXPECT_EQ(refusal(json, {.file_bytes_max = json.size() - 1}), kTokenizerLimit);
  EXPECT_TRUE(SubwordTokenizer::read(json, {.vocabulary_max = 10}));
  EXPECT_EQ(refusal(json, {.vocabulary_max = 9}), kTokenizerLimit);
  EXPECT_EQ(refusal(json, {.components_max = 0}), kTokenizerLimit);
  EXPECT_EQ(refusal(json, {.depth_max = 2}), kTokenizerLimit);
  const auto small = made(json, {.text_bytes_max = 5});
  EXPECT_TRUE(small->encode("words", {}));
  EXPECT_EQ(small->encode("words!", {}).error().code(), kTextTooLong);
  EXPECT_TRUE(small->encode("a,a", {.tokens_max = 5}));
  EXPECT_EQ(small->encode("a,a", {.tokens_max = 4}).error().code(), kTextTooLong);
  EXPECT_EQ(small->encode("\xFF", {}).error().code(), kInvalidUtf8);
}

TEST(SubwordTokenizer, ADamagedCharacterMapNeverLeadsOutsideItself) {
  for (const auto* map : {"", "AAAA", "/////w==", "BAAAAAD//w8=", "BAAAAP////8AAA=="}) {
    const auto tokenizer = SubwordTokenizer::read(
        file_with(kWordPieceModel, fmt::format(R"(,"normalizer":{{"type":"Precompiled","precompiled_charsmap":"{}"}})", map)));
    if (tokenizer) EXPECT_TRUE((*tokenizer)->encode("words \xC3\xBC", {}));
  }
}

TEST(SubwordTokenizer, WordsAreTokenizedOneByOne) {
  const auto tokenizer = made(bert());
  rc::check("the tokens of texts with a space between them are the tokens of each", [&](const std::vector<std::string>& parts) {
    std::string text;
    std::vector<Token> each;
    for (const auto& part : parts) {
      const auto alone = tokenizer->encode(part, {.add_special = false});
      if (!alone) continue;
      text += " " + part;
      each.insert(each.end(), alone->begin(), alone->end());
    }
    RC_ASSERT(tokenizer->encode(text, {.add_special = false}).value() == each);
  });
}

}  // namespace
}  // namespace forebay::text
