#include "http/sent_body.h"

#include <gtest/gtest.h>

#include "http/errors.h"
#include "http/json_body.h"

namespace forebay::http {
namespace {

Error refused(std::string_view body, std::string_view content_type) {
  return with_what_was_sent(JsonObject::parse(body, {}).error(), body, content_type);
}

TEST(SentBody, SaysWhatABodyThatIsNotJsonLooksLike) {
  using namespace std::string_view_literals;
  const struct {
    std::string_view body, name, hint;
  } cases[] = {
      {"\x89PNG\r\n\x1a\n\0\0"sv, "a PNG image", "image/png"},
      {"\xff\xd8\xff\xe0 JFIF"sv, "a JPEG image", "/predict"},
      {"RIFF\x10\0\0\0WEBPVP8 "sv, "a WebP image", "image/webp"},
      {"\xff\xfe{\0\"\0"sv, "UTF-16", "UTF-8"},
      {"{\0\"\0a\0"sv, "UTF-16", "UTF-8"},
      {"\0{\0\""sv, "UTF-16", "UTF-8"},
      {"\x1f\x8b\x08\0"sv, "gzip", "Content-Encoding: gzip"},
      {"--boundary\r\nContent-Disposition: form-data"sv, "a form in parts", "multipart/form-data"},
      {"model=digits&input=1"sv, "", "application/json"},
  };
  for (const auto& one : cases) {
    const Error error = refused(one.body, "application/x-www-form-urlencoded");
    EXPECT_TRUE(error.message().contains("'application/x-www-form-urlencoded'")) << error.message();
    EXPECT_TRUE(error.message().contains(one.name)) << error.message();
    EXPECT_TRUE(error.hint().contains(one.hint)) << error.hint();
  }
}

TEST(SentBody, SaysThatNothingCameAndWithoutWhichType) {
  const Error error = refused(" \n", "");
  EXPECT_EQ(error.code(), kBodyMissing);
  EXPECT_EQ(error.message(), "the body is empty, sent without a Content-Type");
  EXPECT_TRUE(error.hint().contains("application/json"));
}

TEST(SentBody, LeavesErrorsWithinJsonAsTheyAre) {
  for (const std::string_view body : {"{\"a\":}", "  {\"a\":1} x", "{\"a\":\"\xff\"}", "\xEF\xBB\xBF{"}) {
    const Error plain = JsonObject::parse(body, {}).error();
    EXPECT_EQ(refused(body, "text/plain").message(), plain.message()) << body;
  }
  EXPECT_EQ(refused("[1]", "").code(), kFieldType);
}

TEST(SentBody, ShowsATypeThatIsNoTextAsText) {
  const Error error = refused("x", "a\x01\xff");
  EXPECT_TRUE(error.message().contains("'a\?\?'")) << error.message();
}

}  // namespace
}  // namespace forebay::http
