#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tensors/element_types.h"
#include "tensors/errors.h"
#include "tensors/tensor.h"

namespace forebay::tensors {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool refuses(const Tensor& tensor, DType dtype) {
  const auto converted = tensor.converted_to(dtype);
  return !converted && converted.error().code() == kTensorValueOutOfRange;
}

TEST(Float16, SurvivesTheWayThroughFloatWithEveryBitPattern) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = float16_to_float(static_cast<std::uint16_t>(bits));
    const std::uint16_t back = float_to_float16(value);
    if (std::isnan(value))
      EXPECT_EQ(back, bits | 0x200u);  // NaN comes back quiet, with its payload
    else
      EXPECT_EQ(back, bits);
  }
}

TEST(Bfloat16, SurvivesTheWayThroughFloatWithEveryBitPattern) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = bfloat16_to_float(static_cast<std::uint16_t>(bits));
    const std::uint16_t back = float_to_bfloat16(value);
    if (std::isnan(value))
      EXPECT_EQ(back, bits | 0x40u);
    else
      EXPECT_EQ(back, bits);
  }
}

TEST(Float16, HasTheValuesOfTheStandard) {
  EXPECT_EQ(float16_to_float(0x3c00), 1.0f);
  EXPECT_EQ(float16_to_float(0x7bff), 65504.0f);
  EXPECT_EQ(float16_to_float(0x0001), 0x1p-24f);
  EXPECT_EQ(float16_to_float(0x0400), 0x1p-14f);
  EXPECT_TRUE(std::signbit(float16_to_float(0x8000)));
  EXPECT_TRUE(std::isinf(float16_to_float(0xfc00)));
}

TEST(Float16, RoundsToNearestEvenAndToInfinityAt65520) {
  EXPECT_EQ(float_to_float16(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(float_to_float16(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(float_to_float16(std::nextafter(1.0f + 0x1p-11f, 2.0f)), 0x3c01);
  EXPECT_EQ(float_to_float16(0x1p-25f), 0x0000);
  EXPECT_EQ(float_to_float16(std::nextafter(0x1p-25f, 1.0f)), 0x0001);
  EXPECT_EQ(float_to_float16(3 * 0x1p-25f), 0x0002);
  EXPECT_EQ(float_to_float16(65519.996f), 0x7bff);
  EXPECT_EQ(float_to_float16(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_float16(-1e30f), 0xfc00);
}

TEST(Conversion, RoundsADoubleToAHalfOnlyOnce) {
  // Just above the middle between two halves: by way of a float it would land on the middle and go to the even one below.
  const double above = 1.0 + 0x1p-11 + 0x1p-40;
  const Tensor tensor = Tensor::of<double>({1}, {above});
  EXPECT_EQ(tensor.converted_to(DType::kFloat16)->values<std::uint16_t>()[0], 0x3c01);
  EXPECT_EQ(Tensor::of<double>({1}, {1.0 + 0x1p-8 + 0x1p-40}).converted_to(DType::kBfloat16)->values<std::uint16_t>()[0], 0x3f81);
}

TEST(Conversion, KeepsATensorOfTheSameTypeWithoutACopy) {
  const Tensor tensor = Tensor::of<float>({2}, {1, 2});
  EXPECT_EQ(tensor.converted_to(DType::kFloat32)->bytes().data(), tensor.bytes().data());
}

TEST(Conversion, HoldsTheRangeOfEveryIntegerExactly) {
  const Tensor ends = Tensor::of<double>({2}, {-128, 127});
  ASSERT_TRUE(ends.converted_to(DType::kInt8));
  EXPECT_EQ(ends.converted_to(DType::kInt8)->values<std::int8_t>()[0], -128);
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {128}), DType::kInt8));
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {-129}), DType::kInt8));
  EXPECT_TRUE(refuses(Tensor::of<std::int64_t>({1}, {-1}), DType::kUint64));
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {0x1p64}), DType::kUint64));
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {0x1p63}), DType::kInt64));
  EXPECT_EQ(Tensor::of<double>({1}, {-0x1p63}).converted_to(DType::kInt64)->values<std::int64_t>()[0], INT64_MIN);
  EXPECT_TRUE(refuses(Tensor::of<std::int32_t>({1}, {256}), DType::kUint8));
}

TEST(Conversion, RefusesAFractionAndNotANumberForAnInteger) {
  EXPECT_TRUE(refuses(Tensor::of<float>({1}, {1.5f}), DType::kInt64));
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {std::nan("")}), DType::kInt64));
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {kInfinity}), DType::kInt64));
}

TEST(Conversion, TakesOnlyZeroAndOneAsBool) {
  const Tensor bits = Tensor::of<float>({2}, {0, 1});
  ASSERT_TRUE(bits.converted_to(DType::kBool));
  EXPECT_EQ(bits.converted_to(DType::kBool)->bytes()[1], std::byte{1});
  EXPECT_EQ(bits.converted_to(DType::kBool)->converted_to(DType::kInt32)->values<std::int32_t>()[1], 1);
  EXPECT_TRUE(refuses(Tensor::of<float>({1}, {2}), DType::kBool));
  EXPECT_TRUE(refuses(Tensor::of<float>({1}, {0.5f}), DType::kBool));
}

TEST(Conversion, RefusesAFiniteNumberThatWouldBecomeInfinite) {
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {1e300}), DType::kFloat32));
  EXPECT_TRUE(refuses(Tensor::of<float>({1}, {65520}), DType::kFloat16));
  EXPECT_TRUE(refuses(Tensor::of<std::int32_t>({1}, {70000}), DType::kFloat16));
  EXPECT_TRUE(refuses(Tensor::of<double>({1}, {1e39}), DType::kBfloat16));
}

TEST(Conversion, PassesInfinityAndNotANumberBetweenFloatingTypes) {
  const Tensor odd = Tensor::of<double>({3}, {kInfinity, -kInfinity, std::nan("")});
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBfloat16}) {
    const auto converted = odd.converted_to(dtype);
    ASSERT_TRUE(converted) << name_of(dtype);
    const auto back = *converted->converted_to(DType::kFloat64);
    EXPECT_EQ(back.values<double>()[0], kInfinity);
    EXPECT_EQ(back.values<double>()[1], -kInfinity);
    EXPECT_TRUE(std::isnan(back.values<double>()[2]));
  }
}

TEST(Conversion, SaysWhichElementDoesNotFit) {
  const auto error = Tensor::of<std::int32_t>({3}, {1, 300, 2}).converted_to(DType::kUint8).error();
  EXPECT_EQ(error.message(), "element 1 is 300, which uint8 cannot hold");
}

TEST(Conversion, LeavesStringsAlone) {
  const Tensor strings = *Tensor::from_strings({1}, {"1"});
  EXPECT_EQ(strings.converted_to(DType::kInt32).error().code(), kTensorTypeMismatch);
  EXPECT_EQ(Tensor::of<float>({1}, {1}).converted_to(DType::kString).error().code(), kTensorTypeMismatch);
  EXPECT_TRUE(strings.converted_to(DType::kString));
}

RC_GTEST_PROP(Conversion, ComesBackFromEveryWiderType, (const std::vector<std::int8_t>& values)) {
  const Tensor narrow = Tensor::of<std::int8_t>({static_cast<std::int64_t>(values.size())}, values);
  for (const DType dtype :
       {DType::kInt16, DType::kInt32, DType::kInt64, DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64}) {
    const auto wide = narrow.converted_to(dtype);
    RC_ASSERT(wide.has_value());
    const auto back = wide->converted_to(DType::kInt8);
    RC_ASSERT(back.has_value());
    RC_ASSERT(std::ranges::equal(back->bytes(), narrow.bytes()));
  }
}

RC_GTEST_PROP(Conversion, ToAHalfPicksANearestOne, ()) {
  const auto digits = *rc::gen::inRange(-(1 << 24), 1 << 24);
  const float value = std::ldexp(static_cast<float>(digits), *rc::gen::inRange(-50, -8));
  const std::uint16_t bits = float_to_float16(value);
  const double chosen = std::fabs(static_cast<double>(float16_to_float(bits)) - value);
  for (const int step : {-1, 1}) {
    const float neighbour = float16_to_float(static_cast<std::uint16_t>(bits + step));
    if (std::isfinite(neighbour)) RC_ASSERT(chosen <= std::fabs(static_cast<double>(neighbour) - value));
  }
}

}  // namespace
}  // namespace forebay::tensors
