#include "base/digest.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/errors.h"

namespace forebay {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Digest, IsBlake2bWith256Bits) {
  // Known answers of `b2sum -l 256`.
  EXPECT_EQ(to_hex(digest_of(bytes_of(""))), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_EQ(to_hex(digest_of(bytes_of("abc"))), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Digest, OfPiecesIsThatOfTheWhole) {
  EXPECT_EQ(Digester().add(bytes_of("ab")).add(bytes_of("c")).finish(), digest_of(bytes_of("abc")));
}

TEST(Digest, IsEqualOnlyToTheSameBytes) {
  const Digest digest = digest_of(bytes_of("abc"));
  EXPECT_TRUE(equal_in_constant_time(digest, digest_of(bytes_of("abc"))));
  for (const std::size_t at : {std::size_t{0}, digest.size() / 2, digest.size() - 1}) {
    Digest other = digest;
    other[at] ^= std::byte{1};
    EXPECT_FALSE(equal_in_constant_time(digest, other)) << at;
  }
}

TEST(Digest, TextsKeepTheirBounds) {
  EXPECT_NE(Digester().add_text("ab").add_text("c").finish(), Digester().add_text("a").add_text("bc").finish());
}

TEST(Digest, OfAFileIsThatOfItsContent) {
  const auto path = std::filesystem::path(testing::TempDir()) / "digested";
  const std::string content(3'000'000, 'x');
  std::ofstream(path, std::ios::binary) << content;
  EXPECT_EQ(*digest_of_file(path), digest_of(bytes_of(content)));
  std::filesystem::remove(path);
  EXPECT_EQ(digest_of_file(path).error().code(), kFileNotFound);
  EXPECT_EQ(digest_of_file(testing::TempDir()).error().code(), kFileNotReadable);
}

}  // namespace
}  // namespace forebay
