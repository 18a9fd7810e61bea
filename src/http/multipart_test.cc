#include "http/multipart.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

constexpr std::string_view kType = "multipart/form-data; charset=utf-8; Boundary=\"a b\"";

TEST(ReadForm, GivesFieldsAndFiles) {
  const auto parts =
      read_form(kType,
                "a preamble\r\n--a b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ndigits\r\n"
                "--a b \r\ncontent-type: image/png\r\ncontent-disposition: form-data; filename=\"x\\\".png\"; name=image\r\n\r\n"
                "\r\n--a\r\n\r\n--a b--\r\nan epilogue");
  ASSERT_TRUE(parts) << parts.error().message();
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].name, "model");
  EXPECT_FALSE((*parts)[0].is_file);
  EXPECT_EQ((*parts)[0].content, "digits");
  EXPECT_EQ((*parts)[1].name, "image");
  EXPECT_TRUE((*parts)[1].is_file);
  EXPECT_EQ((*parts)[1].content, "\r\n--a\r\n");
}

TEST(ReadForm, TakesAnEmptyFormAndEmptyContent) {
  EXPECT_TRUE(read_form("multipart/form-data; boundary=x", "--x--")->empty());
  const auto parts = read_form("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--x--\r\n");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->at(0).content, "");
}

TEST(ReadForm, RefusesWhatIsNoForm) {
  const std::string_view bodies[] = {"",
                                     "--x",
                                     "--x\r\n",
                                     "--y--",
                                     "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue",           // no end
                                     "--x\r\nContent-Disposition: form-data; name=\"a\"\r\nvalue\r\n--x--",      // no end of headers
                                     "--x\r\nContent-Disposition: form-data; file=\"a\"\r\n\r\nvalue\r\n--x--",  // no name
                                     "--x\r\nContent-Disposition: form-data; name=\"a\r\n\r\nvalue\r\n--x--",    // an open quote
                                     "--x\r\n\r\nvalue\r\n--x--",                                                // no disposition
                                     "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--xx--"};
  for (const auto body : bodies) {
    const auto parts = read_form("multipart/form-data; boundary=x", body);
    ASSERT_FALSE(parts) << body;
    EXPECT_EQ(parts.error().code(), kFormInvalid);
  }
  for (const std::string_view type : {"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary"})
    EXPECT_FALSE(read_form(type, "--x--")) << type;
  EXPECT_FALSE(read_form("multipart/form-data; boundary=" + std::string(71, 'x'), "--" + std::string(71, 'x') + "--"));
}

TEST(ReadForm, HoldsTheLimitOfParts) {
  const std::string part = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
  std::string body;
  for (std::size_t i = 0; i < kFormPartsMax; ++i) body += part;
  EXPECT_EQ(read_form("multipart/form-data; boundary=x", body + "--x--")->size(), kFormPartsMax);
  EXPECT_FALSE(read_form("multipart/form-data; boundary=x", body + part + "--x--"));
}

}  // namespace
}  // namespace forebay::http
