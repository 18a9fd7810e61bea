#include "http/json_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

const JsonLimits kLimits;

ErrorCode code_of(std::string_view text, const JsonLimits& limits = kLimits) {
  const auto checked = check_json(text, limits);
  return checked ? ErrorCode{0, "fine"} : checked.error().code();
}

TEST(CheckJson, TakesEveryKindOfValue) {
  for (const auto* text : {"0", "-0", "-1.5e+3", "1E2", "\"\"", "\"\\u00e9\\ud83d\\ude00\"", "[]", "{}", " [1 , 2 ]\n",
                           "{\"a\":{\"b\":[null,true,false]}}", "\"\xF0\x9F\x98\x80\""}) {
    EXPECT_EQ(code_of(text).number, 0) << text;
  }
}

TEST(CheckJson, RefusesWhatTheGrammarRefuses) {
  for (const auto* text : {"",        " ",           "01",       "-",       "1.",       ".5",         "1e",
                           "+1",      "NaN",         "Infinity", "nul",     "tru",      "'a'",        "\"a",
                           "\"\\x\"", "\"\\u12g4\"", "\"\t\"",   "[",       "[1",       "[1,",        "[1,]",
                           "[1 2]",   "{",           "{a:1}",    "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}",
                           "1 2",     "[]]",         "// c\n1"}) {
    EXPECT_EQ(code_of(text), kJsonSyntax) << text;
  }
}

TEST(CheckJson, JudgesANumberTheSameAloneAndInARow) {
  for (const auto* text : {"0",      "-0",       "7",  "-12.5",      "0.123456",    "0.12345678", "123456789.123456789012345678",
                           "1e5",    "-1.25E-3", "01", "-",          "1.",          ".5",         "1.e2",
                           "1e",     "--1",      "+1", "0.1234567x", "0.12345678x", "0.1234:67",  "0.1234/67",
                           "1.\xC0", "00.5"}) {
    for (const auto& row : {"[{}]", "[1,{}]", "[{},2]", "[1.5 , {}\n, -2.25e3]", "[[1,{}],[{},2]]"}) {
      std::string array = row;
      for (auto at = array.find("{}"); at != std::string::npos; at = array.find("{}")) array.replace(at, 2, text);
      EXPECT_EQ(code_of(array), code_of(text)) << array;
    }
  }
}

TEST(CheckJson, NamesTheByteWhereItStopped) {
  EXPECT_THAT(check_json("[1, x]", kLimits).error().message(), ::testing::HasSubstr("byte 4"));
}

TEST(CheckJson, RefusesBytesThatAreNotUtf8) {
  for (const auto* text : {"\"\x80\"", "\"\xC0\x80\"", "\"\xC1\xBF\"", "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
                           "\"\xF5\x80\x80\x80\"", "\"\xE2\x82\"", "\"\xFF\""}) {
    EXPECT_EQ(code_of(text), kJsonNotUtf8) << text;
  }
}

TEST(CheckJson, HoldsTheDepthLimit) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(code_of(nested(64)).number, 0);
  EXPECT_EQ(code_of(nested(65)), kJsonTooDeep);
  EXPECT_EQ(code_of(std::string(1'000'000, '[')), kJsonTooDeep);
  EXPECT_EQ(code_of(std::string(1'000'000, '['), {.depth_max = 4'000'000'000}), kJsonTooDeep);
}

TEST(CheckJson, RefusesTheSameKeyTwiceHoweverItIsWritten) {
  EXPECT_EQ(code_of(R"({"a":1,"b":2,"a":3})"), kJsonDuplicateKey);
  EXPECT_EQ(code_of(R"({"a":1,"\u0061":3})"), kJsonDuplicateKey);
  EXPECT_EQ(code_of(R"([{"x":{"k":1,"k":1}}])"), kJsonDuplicateKey);
  EXPECT_EQ(code_of(R"({"a":{"a":1}})").number, 0);
}

TEST(CheckJson, HoldsTheLimitOfKeys) {
  std::string text = "{";
  for (int i = 0; i < 5; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  EXPECT_EQ(code_of(text + "}", {.keys_max = 5}).number, 0);
  EXPECT_EQ(code_of(text + "}", {.keys_max = 4}), kTooManyItems);
}

}  // namespace
}  // namespace forebay::http
