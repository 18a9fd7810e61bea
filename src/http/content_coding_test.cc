#include "http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

std::string compressed(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Result<> any_size(std::uint64_t) { return {}; }

TEST(CodingOf, KnowsItsNames) {
  EXPECT_EQ(coding_of(""), ContentCoding::kNone);
  EXPECT_EQ(coding_of("Identity"), ContentCoding::kNone);
  EXPECT_EQ(coding_of("GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(coding_of("deflate"), ContentCoding::kDeflate);
  for (const char* other : {"br", "zstd", "gzip, gzip"}) EXPECT_EQ(coding_of(other).error().code(), kContentEncoding);
}

TEST(DecodedBody, ReadsGzipAndBothKindsOfDeflate) {
  const std::string text(1'000'000, 'x');
  EXPECT_EQ(decoded_body(compressed(text, 15 + 16), ContentCoding::kGzip, any_size), text);
  EXPECT_EQ(decoded_body(compressed(text, 15), ContentCoding::kDeflate, any_size), text);
  EXPECT_EQ(decoded_body(compressed(text, -15), ContentCoding::kDeflate, any_size), text);
  const auto two = compressed("a", 31) + compressed("b", 31);
  EXPECT_EQ(decoded_body(two, ContentCoding::kGzip, any_size), "ab");
  EXPECT_EQ(decoded_body(compressed("", 31), ContentCoding::kGzip, any_size), "");
}

TEST(DecodedBody, RefusesWhatIsDamaged) {
  const std::string whole = compressed("a text that is long enough to be cut", 31);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(decoded_body(whole.substr(0, size), ContentCoding::kGzip, any_size).error().code(), kBodyDamaged) << size;
  EXPECT_EQ(decoded_body(whole + "x", ContentCoding::kGzip, any_size).error().code(), kBodyDamaged);
  EXPECT_EQ(decoded_body("{\"input\": []}", ContentCoding::kGzip, any_size).error().code(), kBodyDamaged);
}

TEST(DecodedBody, AsksBeforeItGrows) {
  const std::string bomb = compressed(std::string(64 << 20, '\0'), 31);
  std::uint64_t asked = 0;
  const auto refused = decoded_body(bomb, ContentCoding::kGzip, [&](std::uint64_t bytes) -> Result<> {
    asked = bytes;
    if (bytes > 1 << 20) return fail(kBodyTooLarge, "too large");
    return {};
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), kBodyTooLarge);
  EXPECT_LE(asked, (1U << 20U) + (256U << 10U) + 1);
}

}  // namespace
}  // namespace forebay::http
