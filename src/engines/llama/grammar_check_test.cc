#include "engines/llama/grammar_check.h"

#include <gtest/gtest.h>

#include "engines/errors.h"

namespace forebay::engines {
namespace {

void expect_refused(const std::string& grammar, std::string_view why, const GrammarLimits& limits = {}) {
  const auto checked = check_grammar(grammar, limits);
  ASSERT_FALSE(checked) << why;
  EXPECT_EQ(checked.error().code(), kBadSampling);
  EXPECT_EQ(checked.error().field(), "grammar");
  EXPECT_EQ(checked.error().message(), "grammar: " + std::string(why));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(GrammarCheck, TakesOrdinaryGrammars) {
  EXPECT_TRUE(check_grammar("root ::= \"yes\" | \"no\""));
  EXPECT_TRUE(check_grammar(
      "# (((( not counted\nroot ::= ws \"(\" [)\"\\]]* (item (\",\" item){0,9})? \")\"\nitem ::= [0-9]{1,3}\nws ::= [ \\t\\n]*"));
}

TEST(GrammarCheck, LimitsTheDepthOfGroups) {
  const GrammarLimits limits{.depth_max = 3};
  EXPECT_TRUE(check_grammar("root ::= (((\"a\")))", limits));
  expect_refused("root ::= ((((\"a\"))))", "groups are nested deeper than 3", limits);
  expect_refused("root ::= " + repeated("(", 20'000) + "\"a\"" + repeated(")", 20'000), "groups are nested deeper than 64");
}

TEST(GrammarCheck, LimitsRulesAndBytes) {
  EXPECT_TRUE(check_grammar("root ::= a\na ::= <think> \"x\"", {.rules_max = 2}));
  expect_refused("root ::= a\na ::= \"x\"", "more than 1 rules", {.rules_max = 1});
  EXPECT_TRUE(check_grammar("root ::= \"a\"", {.bytes_max = 12}));
  expect_refused("root ::= \"ab\"", "13 bytes, at most 12 are allowed", {.bytes_max = 12});
}

TEST(GrammarCheck, LimitsWhatRepetitionsWriteOut) {
  EXPECT_TRUE(check_grammar("root ::= \"a\"{2000}"));
  EXPECT_TRUE(check_grammar("root ::= \"a\"{3,3} \"b\"{3,}"));
  expect_refused("root ::= \"a\"{8,3}", "a repetition of at least 8 and at most 3");
  expect_refused("root ::= \"a\"{1,0}", "a repetition of at least 1 and at most 0");
  expect_refused("root ::= \"a\"{2001}", "a repetition of more than 2000");
  expect_refused("root ::= \"a\"{0,99999999999999999999}", "a repetition of more than 2000");
  expect_refused("root ::= (\"a\"{2000}){2000}", "more than 100000 elements");
  expect_refused("root ::= ((\"a\"{1000}){1000}){1000}", "more than 100000 elements");
}

TEST(GrammarCheck, RefusesWhatIsNotFinished) {
  expect_refused("root ::= (\"a\"", "a group is not closed");
  expect_refused("root ::= \"a\")", "a ')' without its '('");
  expect_refused("root ::= \"a", "a '\"' is missing");
  expect_refused("root ::= [a", "a ']' is missing");
  expect_refused("root ::= \"a\"{2", "a '}' is missing");
  expect_refused("root ::= missing", "the rule 'missing' is not defined");
  expect_refused("other ::= \"a\"", "it has no rule 'root'");
  expect_refused("::= \"a\"", "a '::=' without a name");
  expect_refused("   ", "it has no rule");
  expect_refused("", "it has no rule");
  expect_refused(std::string("root ::= \"a\0\"", 13), "it contains a zero byte");
  expect_refused("root ::= \"\xff\"", "it is not valid UTF-8");
}

}  // namespace
}  // namespace forebay::engines
