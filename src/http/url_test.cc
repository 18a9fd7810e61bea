#include "http/url.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

TEST(PercentDecoded, DecodesEscapesAndRefusesBrokenOnes) {
  EXPECT_EQ(percent_decoded("a%2Fb%c3%A4", false), "a/b\xc3\xa4");
  EXPECT_EQ(percent_decoded("a+b", false), "a+b");
  EXPECT_EQ(percent_decoded("a+b", true), "a b");
  EXPECT_EQ(percent_decoded("", false), "");
  for (const char* broken : {"%", "%1", "%zz", "%1z", "a%", "%00", "%-1", "% 1"}) EXPECT_FALSE(percent_decoded(broken, false)) << broken;
}

TEST(Query, GivesTheFirstValueOfAName) {
  const auto query = Query::read("model=a%20b&model=c&empty=&flag&&x=1=2");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->value("model"), "a b");
  EXPECT_EQ(query->value("empty"), "");
  EXPECT_EQ(query->value("flag"), "");
  EXPECT_EQ(query->value("x"), "1=2");
  EXPECT_EQ(query->value("nothing"), "");
}

TEST(Query, RefusesABrokenEscape) {
  const auto query = Query::read("model=%zz");
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().code(), kBadEscape);
}

}  // namespace
}  // namespace forebay::http
