#include "http/media_type.h"

#include <gtest/gtest.h>

namespace forebay::http {
namespace {

TEST(ReadMediaType, GivesTypeAndCharsetInLowerCase) {
  const auto json = read_media_type("Application/JSON ; charset=\"UTF-8\" ; x=1");
  EXPECT_EQ(json.type, "application/json");
  EXPECT_EQ(json.charset, "utf-8");
  EXPECT_TRUE(json.is_json());
  EXPECT_TRUE(read_media_type("application/vnd.api+json").is_json());
  EXPECT_FALSE(read_media_type("text/plain").is_json());
  EXPECT_EQ(read_media_type("").type, "");
}

TEST(ReadMediaType, ReadsTheTypeThatCurlSendsUnaskedAsNone) { EXPECT_EQ(read_media_type("application/x-www-form-urlencoded").type, ""); }

}  // namespace
}  // namespace forebay::http
