#include "tensors/orientation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace forebay::tensors {
namespace {

using testing::ElementsAreArray;
using namespace std::string_literals;

std::string number(std::uint32_t value, std::size_t bytes, bool big_endian) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[big_endian ? bytes - 1 - i : i] = static_cast<char>(value >> (8 * i));
  return text;
}

// A directory of one entry before the orientation, as cameras write it.
std::string tiff(std::uint32_t value, bool big_endian, std::uint32_t type = 3, std::uint32_t count = 1) {
  const auto n = [&](std::uint32_t v, std::size_t bytes) { return number(v, bytes, big_endian); };
  std::string text = (big_endian ? "MM" : "II") + n(42, 2) + n(8, 4) + n(2, 2);
  text += n(0x010f, 2) + n(2, 2) + n(4, 4) + "abc\0"s;
  text += n(274, 2) + n(type, 2) + n(count, 4) + n(value, 2) + n(0, 2);
  return text + n(0, 4);
}
std::string jpeg_segment(char marker, const std::string& body) {
  return "\xff"s + marker + number(static_cast<std::uint32_t>(body.size() + 2), 2, true) + body;
}
std::string jpeg(const std::string& exif) {
  return "\xff\xd8"s + jpeg_segment('\xe0', "JFIF\0"s) + jpeg_segment('\xe1', "http://ns.adobe.com/xap/1.0/\0"s) +
         jpeg_segment('\xe1', "Exif\0\0"s + exif) + "\xff\xda"s;
}
std::string png(const std::string& exif) {
  const auto chunk = [](const std::string& name, const std::string& body) {
    return number(static_cast<std::uint32_t>(body.size()), 4, true) + name + body + "crc!";
  };
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", std::string(13, 'x')) + chunk("eXIf", exif) + chunk("IDAT", "") + chunk("IEND", "");
}
std::string webp(const std::string& exif) {
  const auto chunk = [](const std::string& name, const std::string& body) {
    return name + number(static_cast<std::uint32_t>(body.size()), 4, false) + body + std::string(body.size() % 2, '\0');
  };
  return "RIFF\0\0\0\0WEBP"s + chunk("VP8X", std::string(10, 'x')) + chunk("VP8L", "odd") + chunk("EXIF", exif);
}

Orientation read(const std::string& file, ImageFormat format) { return orientation_of(std::as_bytes(std::span(file)), format); }

TEST(Orientation, IsReadFromEveryFormatInBothByteOrders) {
  for (std::uint32_t value = 1; value <= 8; ++value) {
    for (const bool big_endian : {false, true}) {
      const auto wanted = static_cast<Orientation>(value);
      EXPECT_EQ(read(jpeg(tiff(value, big_endian)), ImageFormat::kJpeg), wanted);
      EXPECT_EQ(read(png(tiff(value, big_endian)), ImageFormat::kPng), wanted);
      EXPECT_EQ(read(webp(tiff(value, big_endian)), ImageFormat::kWebp), wanted);
      EXPECT_EQ(read(webp("Exif\0\0"s + tiff(value, big_endian)), ImageFormat::kWebp), wanted) << "as some writers of WebP do";
    }
  }
}

TEST(Orientation, IsUprightWhereTheDataAreWrong) {
  for (const auto& exif : {tiff(0, true), tiff(9, true), tiff(6, true, 4), tiff(6, true, 3, 2), "XX"s + tiff(6, true).substr(2), ""s,
                           "II\x2a\0\xff\xff\xff\xff"s, "II\x2a\0\x08\0\0\0\xff\xff"s, "II\x2b\0\x08\0\0\0"s}) {
    EXPECT_EQ(read(jpeg(exif), ImageFormat::kJpeg), Orientation::kUpright);
    EXPECT_EQ(read(png(exif), ImageFormat::kPng), Orientation::kUpright);
    EXPECT_EQ(read(webp(exif), ImageFormat::kWebp), Orientation::kUpright);
  }
}

TEST(Orientation, IsUprightOrRightForFilesThatAreCutAnywhere) {
  const std::string whole = jpeg(tiff(6, true));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto found = read(whole.substr(0, length), ImageFormat::kJpeg);
    EXPECT_TRUE(found == Orientation::kUpright || found == Orientation::kQuarterTurn);
  }
}

TEST(Orientation, IsNotLookedForBehindTheFirstScan) {
  const std::string late = "\xff\xd8\xff\xda"s + jpeg_segment('\xe1', "Exif\0\0"s + tiff(6, true));
  EXPECT_EQ(read(late, ImageFormat::kJpeg), Orientation::kUpright);
}

TEST(Orientation, TurnsPicturesAllEightWays) {
  // The stored pixels are 1 2 3 over 4 5 6.
  const Tensor stored = Tensor::of<std::uint8_t>({2, 3, 1}, {1, 2, 3, 4, 5, 6});
  const auto check = [&](Orientation orientation, const Shape& shape, const std::vector<std::uint8_t>& pixels) {
    const Tensor turned = turned_upright(stored, orientation);
    EXPECT_EQ(turned.shape(), shape) << int(orientation);
    EXPECT_THAT(turned.values<std::uint8_t>(), ElementsAreArray(pixels)) << int(orientation);
  };
  check(Orientation::kUpright, {2, 3, 1}, {1, 2, 3, 4, 5, 6});
  check(Orientation::kMirrored, {2, 3, 1}, {3, 2, 1, 6, 5, 4});
  check(Orientation::kHalfTurn, {2, 3, 1}, {6, 5, 4, 3, 2, 1});
  check(Orientation::kFlipped, {2, 3, 1}, {4, 5, 6, 1, 2, 3});
  check(Orientation::kTransposed, {3, 2, 1}, {1, 4, 2, 5, 3, 6});
  check(Orientation::kQuarterTurn, {3, 2, 1}, {4, 1, 5, 2, 6, 3});
  check(Orientation::kTransverse, {3, 2, 1}, {6, 3, 5, 2, 4, 1});
  check(Orientation::kThreeQuarterTurn, {3, 2, 1}, {3, 6, 2, 5, 1, 4});
}

TEST(Orientation, KeepsThePixelsColoursTogether) {
  for (const std::int64_t channels : {3, 4}) {
    std::vector<std::uint8_t> values;
    for (int pixel = 1; pixel <= 2; ++pixel)
      for (int c = 0; c < channels; ++c) values.push_back(static_cast<std::uint8_t>(10 * pixel + c));
    const Tensor turned = turned_upright(Tensor::of<std::uint8_t>({1, 2, channels}, values), Orientation::kHalfTurn);
    EXPECT_EQ(turned.values<std::uint8_t>()[0], 20);
    EXPECT_EQ(turned.values<std::uint8_t>()[1], 21);
    EXPECT_EQ(turned.values<std::uint8_t>()[static_cast<std::size_t>(channels)], 10);
  }
}

}  // namespace
}  // namespace forebay::tensors
