#include "tensors/image.h"

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <webp/encode.h>

#include <cstdio>  // jpeglib.h needs it first
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

constexpr ErrorCode kNoError{0, "no_error", ErrorKind::kInternal, "", ""};
const ErrorCode& code_of(const auto& result) { return result ? kNoError : result.error().code(); }
Result<Tensor> decode(std::string_view bytes, const ImageLimits& limits = {}) {
  return decode_image(std::as_bytes(std::span(bytes)), limits);
}

// A smooth picture, which lossy formats keep well.
Tensor gradient(std::size_t width, std::size_t height, std::size_t channels) {
  std::vector<std::uint8_t> values;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < channels; ++c)
        values.push_back(static_cast<std::uint8_t>(c == 0 ? x * 255 / width : c == 1 ? y * 255 / height : 128));
    }
  }
  return Tensor::of<std::uint8_t>(
      {static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), static_cast<std::int64_t>(channels)}, values);
}

int largest_difference(const Tensor& a, const Tensor& b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(int{a.values<std::uint8_t>()[i]} - int{b.values<std::uint8_t>()[i]}));
  }
  return largest;
}

std::string jpeg_of(const Tensor& image, J_COLOR_SPACE colours, bool progressive = false) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.shape()[1]);
  jpeg.image_height = static_cast<JDIMENSION>(image.shape()[0]);
  jpeg.input_components = static_cast<int>(image.shape()[2]);
  jpeg.in_color_space = colours;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  const auto row_bytes = jpeg.image_width * static_cast<std::size_t>(jpeg.input_components);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<unsigned char*>(image.values<std::uint8_t>().data() + jpeg.next_scanline * row_bytes);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string file(reinterpret_cast<const char*>(memory), size);
  std::free(memory);
  return file;
}

std::string webp_of(const Tensor& image) {
  std::uint8_t* memory = nullptr;
  const int width = static_cast<int>(image.shape()[1]);
  const int height = static_cast<int>(image.shape()[0]);
  const auto* pixels = image.values<std::uint8_t>().data();
  const std::size_t size = image.shape()[2] == 4 ? WebPEncodeLosslessRGBA(pixels, width, height, width * 4, &memory)
                                                 : WebPEncodeLosslessRGB(pixels, width, height, width * 3, &memory);
  std::string file(reinterpret_cast<const char*>(memory), size);
  WebPFree(memory);
  return file;
}

std::string corpus_file(const std::string& name) {
  std::ifstream file(std::string(FOREBAY_CORPORA) + "/image/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Image, DecodesJpegOfAllColours) {
  for (const bool progressive : {false, true}) {
    const auto colour = decode(jpeg_of(gradient(40, 30, 3), JCS_RGB, progressive));
    ASSERT_TRUE(colour);
    EXPECT_EQ(colour->shape(), (Shape{30, 40, 3}));
    EXPECT_LE(largest_difference(*colour, gradient(40, 30, 3)), 12);
    const auto grey = decode(jpeg_of(gradient(40, 30, 1), JCS_GRAYSCALE, progressive));
    ASSERT_TRUE(grey);
    EXPECT_EQ(grey->shape(), (Shape{30, 40, 1}));
    EXPECT_LE(largest_difference(*grey, gradient(40, 30, 1)), 12);
  }
}

TEST(Image, TurnsInkIntoLight) {
  // Adobe's way of CMYK has 255 for no ink: cyan gone and everything else full light is pure red's opposite.
  const Tensor inks = Tensor::of<std::uint8_t>({1, 1, 4}, {255, 0, 0, 255});
  const auto image = decode(jpeg_of(inks, JCS_CMYK));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->shape(), (Shape{1, 1, 3}));
  EXPECT_GE(image->values<std::uint8_t>()[0], 250);
  EXPECT_LE(image->values<std::uint8_t>()[1], 5);
}

TEST(Image, DecodesWebpWithAndWithoutAlpha) {
  for (const std::size_t channels : {3, 4}) {
    const Tensor picture = gradient(17, 9, channels);
    const auto image = decode(webp_of(picture));
    ASSERT_TRUE(image);
    EXPECT_EQ(image->shape(), picture.shape());
    EXPECT_EQ(largest_difference(*image, picture), 0);
  }
}

TEST(Image, DecodesPngOfOtherKinds) {
  EXPECT_EQ(decode(corpus_file("grey16.png"))->shape(), (Shape{2, 2, 1}));
  EXPECT_EQ(decode(corpus_file("grey16.png"))->values<std::uint8_t>()[1], 0x80);
  EXPECT_EQ(decode(corpus_file("palette.png"))->shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(decode(corpus_file("palette.png"))->values<std::uint8_t>()[4], 255);
  EXPECT_EQ(decode(corpus_file("grey_alpha.png"))->shape(), (Shape{1, 1, 4}));
}

TEST(Image, KnowsFormatsByTheirFirstBytes) {
  EXPECT_EQ(code_of(decode("GIF89a")), kImageUnsupported);
  EXPECT_EQ(code_of(decode("")), kImageUnsupported);
  EXPECT_EQ(code_of(decode("RIFF1234WAVE")), kImageUnsupported);
  EXPECT_EQ(code_of(decode("\xff\xd8\xff")), kImageInvalid);
  EXPECT_EQ(code_of(decode("\x89PNG\r\n\x1a\n")), kImageInvalid);
  EXPECT_EQ(code_of(decode("RIFF\x04\0\0\0WEBP")), kImageUnsupported);  // Cut off at the first zero.
  EXPECT_EQ(code_of(decode(std::string_view("RIFF\x04\0\0\0WEBP", 12))), kImageInvalid);
  EXPECT_EQ(name_of(ImageFormat::kWebp), "WebP");
}

TEST(Image, RefusesEveryFileThatIsCutShort) {
  const std::string jpeg = jpeg_of(gradient(40, 30, 3), JCS_RGB);
  const std::string png = *encode_png(gradient(20, 10, 3));
  const std::string webp = webp_of(gradient(20, 10, 3));
  for (const auto& [file, least] : {std::pair(jpeg, jpeg.size() - 2), std::pair(png, png.size() - 12), std::pair(webp, webp.size() - 1)}) {
    for (std::size_t size = 0; size < least; size += 7) EXPECT_FALSE(decode(std::string_view(file).substr(0, size))) << size;
  }
}

TEST(Image, HoldsItsLimitsExactly) {
  const Tensor picture = gradient(20, 10, 3);
  for (const std::string& file : {*encode_png(picture), jpeg_of(picture, JCS_RGB), webp_of(picture)}) {
    EXPECT_TRUE(decode(file, {.bytes_max = file.size(), .pixels_max = 200, .side_max = 20}));
    EXPECT_EQ(code_of(decode(file, {.bytes_max = file.size() - 1})), kImageTooLarge);
    EXPECT_EQ(code_of(decode(file, {.pixels_max = 199})), kImageTooLarge);
    EXPECT_EQ(code_of(decode(file, {.side_max = 19})), kImageTooLarge);
  }
}

TEST(Image, RefusesAHugePictureByItsHeaderAlone) {
  // 60,000 x 60,000 pixels declared in a few bytes.
  EXPECT_EQ(code_of(decode(corpus_file("bomb.png"))), kImageTooLarge);
}

TEST(Image, StopsAJpegWithTooManyScans) {
  const std::string file = jpeg_of(gradient(40, 30, 3), JCS_RGB, true);
  EXPECT_TRUE(decode(file, {.jpeg_scans_max = 10}));
  EXPECT_EQ(code_of(decode(file, {.jpeg_scans_max = 2})), kImageInvalid);
}

TEST(Image, RefusesToWriteWhatIsNoPicture) {
  EXPECT_EQ(code_of(encode_png(Tensor::zeros(DType::kFloat32, {2, 2}))), kTensorTypeMismatch);
  for (const Shape& shape : {Shape{2}, Shape{2, 2, 2}, Shape{0, 2, 3}, Shape{1, 2, 2, 3}, Shape{1'000'001, 1}}) {
    EXPECT_EQ(code_of(encode_png(Tensor::zeros(DType::kUint8, shape))), kTensorShapeMismatch) << to_string(shape);
  }
}

RC_GTEST_PROP(Property25, PicturesComeBackFromPng, ()) {
  const auto channels = *rc::gen::element<std::int64_t>(1, 3, 4);
  const Shape shape = {*rc::gen::inRange<std::int64_t>(1, 6), *rc::gen::inRange<std::int64_t>(1, 6), channels};
  const auto values = *rc::gen::container<std::vector<std::uint8_t>>(*element_count(shape), rc::gen::arbitrary<std::uint8_t>());
  const Tensor picture = Tensor::of<std::uint8_t>(shape, values);
  const auto back = decode(*encode_png(picture));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->shape() == shape);
  RC_ASSERT(std::ranges::equal(back->bytes(), picture.bytes()));
}

}  // namespace
}  // namespace forebay::tensors
