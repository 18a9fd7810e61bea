#include "base/base64.h"

#include <gtest/gtest.h>

namespace forebay {
namespace {

std::string round_trip(std::string_view text) {
  const auto bytes = decode_base64(encode_base64(std::as_bytes(std::span(text))));
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : "refused";
}

TEST(Base64, EncodesTheVectorsOfTheSpecification) {
  EXPECT_EQ(encode_base64(std::as_bytes(std::span(std::string_view("")))), "");
  EXPECT_EQ(encode_base64(std::as_bytes(std::span(std::string_view("f")))), "Zg==");
  EXPECT_EQ(encode_base64(std::as_bytes(std::span(std::string_view("fo")))), "Zm8=");
  EXPECT_EQ(encode_base64(std::as_bytes(std::span(std::string_view("foobar")))), "Zm9vYmFy");
}

TEST(Base64, ReadsBackWhatItWrote) {
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) EXPECT_EQ(round_trip(text), text);
}

TEST(Base64, SkipsLineBreaksAndBlanksAsPeersDo) {
  for (const char* text : {"Zm9v\nYmFy", "Zm9v\r\nYmFy\r\n", " Zm 9vY\tmFy\n"}) {
    const auto bytes = decode_base64(text);
    ASSERT_TRUE(bytes) << text;
    EXPECT_EQ(encode_base64(*bytes), "Zm9vYmFy") << text;
  }
}

TEST(Base64, RefusesForeignCharactersAndWrongPadding) {
  for (const char* text : {"Zg=", "Z===", "Zm9v!A==", "Zg==Zg==", "Z g=", "Zg==\n\vZg==", "Z m=\n"})
    EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace forebay
