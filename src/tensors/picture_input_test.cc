#include "tensors/picture_input.h"

#include <gtest/gtest.h>

#include <vector>

#include "tensors/errors.h"
#include "tensors/image.h"

namespace forebay::tensors {
namespace {

// Two grey pixels, black and white.
std::string two_pixels() { return encode_png(Tensor::of<std::uint8_t>({1, 2, 1}, std::vector<std::uint8_t>{0, 255})).value(); }
Result<Tensor> from_two_pixels(const Shape& shape, const PixelRange& range = {}, DType dtype = DType::kFloat32) {
  const std::string file = two_pixels();
  return tensor_of_picture(std::as_bytes(std::span(file)), shape, dtype, range);
}

TEST(PicturePlaces, AreFoundInEveryLayout) {
  EXPECT_EQ(picture_places({8, 9})->width, 1U);
  EXPECT_EQ(picture_places({3, 8, 9})->channels, 0U);
  EXPECT_EQ(picture_places({8, 9, 3})->channels, 2U);
  EXPECT_EQ(picture_places({-1, 8, 9})->height, 1U);
  EXPECT_EQ(picture_places({-1, 1, 8, 9})->height, 2U);
  EXPECT_EQ(picture_places({-1, 8, 9, 3})->height, 1U);
  EXPECT_FALSE(picture_places({-1, 5, 8, 9}));
  EXPECT_FALSE(picture_places({8}));
  EXPECT_FALSE(picture_places({1, 1, 3, 8, 9}));
}

TEST(PictureInput, IsNotATableAndNotText) {
  EXPECT_FALSE(takes_picture({-1, 13}, DType::kFloat32));
  EXPECT_TRUE(takes_picture({8, 8}, DType::kFloat32));
  EXPECT_FALSE(takes_picture({1, 3, 8, 8}, DType::kString));
  EXPECT_FALSE(takes_picture({1, 3, 8, 8}, DType::kBool));
  EXPECT_EQ(from_two_pixels({-1, 13}).error().code(), kTensorShapeMismatch);
}

TEST(PictureInput, SpreadsPixelsOverTheStatedRange) {
  const auto plain = from_two_pixels({1, 1, 1, 2}).value();
  EXPECT_EQ(plain.values<float>()[1], 255.0F);
  const auto ranged = from_two_pixels({1, 1, 1, 2}, {.low = -1, .high = 1}).value();
  EXPECT_NEAR(ranged.values<float>()[0], -1, 1e-5);
  EXPECT_NEAR(ranged.values<float>()[1], 1, 1e-5);
}

TEST(PictureInput, GivesFreeSidesThePicturesOwnSize) {
  EXPECT_EQ(from_two_pixels({-1, 1, -1, -1})->shape(), (Shape{1, 1, 1, 2}));
  EXPECT_EQ(from_two_pixels({-1, -1, -1, 3})->shape(), (Shape{1, 1, 2, 3}));
  EXPECT_EQ(from_two_pixels({4, 6})->shape(), (Shape{4, 6}));
}

TEST(PixelRange, IsReadFromTheMetadataOrIsThatOfBytes) {
  EXPECT_EQ(stated_pixel_range({{"input_range", "0,16"}}).high, 16);
  EXPECT_EQ(stated_pixel_range({{"value_range", "-1,1"}}).low, -1);
  EXPECT_EQ(stated_pixel_range({{"input_range", "nonsense"}, {"value_range", "0,1"}}).high, 1);
  for (const auto* wrong : {"", "1", "1,", ",1", "2,1", "1,1", "nan,1", "0,inf"})
    EXPECT_EQ(stated_pixel_range({{"input_range", wrong}}).high, 255) << wrong;
}

}  // namespace
}  // namespace forebay::tensors
