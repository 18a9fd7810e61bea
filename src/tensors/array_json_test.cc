#include "tensors/array_json.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

Result<Tensor> read(std::string_view json, DType dtype, const Shape& wanted, NanPolicy nan = NanPolicy::kRefuse) {
  return tensor_from_json(json, dtype, wanted, nan);
}
Result<Tensor> read_floats(std::string_view json, const Shape& wanted = {-1}) { return read(json, DType::kFloat32, wanted); }

std::vector<float> floats_of(const Result<Tensor>& tensor) {
  if (!tensor) return {};
  return {tensor->values<float>().begin(), tensor->values<float>().end()};
}

std::string written(const Tensor& tensor) {
  std::string out;
  EXPECT_TRUE(append_json(out, tensor));
  return out;
}

constexpr ErrorCode kNoError{0, "no_error", ErrorKind::kInternal, "", ""};
const ErrorCode& code_of(const Result<Tensor>& result) { return result ? kNoError : result.error().code(); }

TEST(ArrayJson, ReadsNestedArraysIntoTheirShape) {
  const auto tensor = read_floats(" [ [1, 2.5, -3e2] ,\n[4,5,6]] ", {-1, 3});
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->shape(), (Shape{2, 3}));
  EXPECT_EQ(floats_of(tensor), (std::vector<float>{1, 2.5, -300, 4, 5, 6}));
}

TEST(ArrayJson, ReadsAFlatArrayIntoAKnownShape) {
  EXPECT_EQ(read_floats("[1,2,3,4,5,6]", {2, 3})->shape(), (Shape{2, 3}));
  EXPECT_EQ(read_floats("[1,2,3,4,5,6]", {-1, 3})->shape(), (Shape{2, 3}));
  EXPECT_EQ(read_floats("[1,2,3,4,5,6]", {3, -1, 1})->shape(), (Shape{3, 2, 1}));
  EXPECT_EQ(code_of(read_floats("[1,2,3,4,5]", {-1, 3})), kTensorShapeMismatch);
  EXPECT_EQ(code_of(read_floats("[1,2,3,4]", {-1, -1})), kTensorShapeMismatch);
  EXPECT_EQ(code_of(read_floats("[1,2,3,4]", {5})), kTensorShapeMismatch);
}

TEST(ArrayJson, ReadsOneInstanceAsABatchOfOne) {
  EXPECT_EQ(read_floats("[[1,2],[3,4]]", {-1, 2, 2})->shape(), (Shape{1, 2, 2}));
  EXPECT_EQ(read_floats("[[1,2],[3,4]]", {1, 2, 2})->shape(), (Shape{1, 2, 2}));
  EXPECT_EQ(code_of(read_floats("[[1,2],[3,4]]", {2, 2, 2})), kTensorShapeMismatch);
  EXPECT_EQ(code_of(read_floats("[[1,2],[3,4]]", {-1, 2, 3})), kTensorShapeMismatch);
}

TEST(ArrayJson, ReadsABareValue) {
  EXPECT_EQ(read_floats("7", {})->shape(), Shape{});
  EXPECT_EQ(read_floats("7", {-1})->shape(), Shape{1});
  EXPECT_EQ(read_floats("[7]", {})->shape(), Shape{});
  EXPECT_EQ(floats_of(read_floats(" -7.25 ", {})), std::vector{-7.25f});
}

TEST(ArrayJson, ReadsEmptyArrays) {
  EXPECT_EQ(read_floats("[]", {-1})->shape(), Shape{0});
  EXPECT_EQ(read_floats("[]", {-1, 3})->shape(), (Shape{0, 3}));
  EXPECT_EQ(read_floats("[[],[]]", {-1, -1})->shape(), (Shape{2, 0}));
  EXPECT_EQ(read_floats("[]", {2, 0})->shape(), (Shape{2, 0}));
  EXPECT_EQ(code_of(read_floats("[]", {3})), kTensorShapeMismatch);
}

TEST(ArrayJson, RefusesAnotherShape) {
  EXPECT_EQ(code_of(read_floats("[[1,2],[3,4]]", {2, 3})), kTensorShapeMismatch);
  EXPECT_EQ(code_of(read_floats("[[1,2],[3,4]]", {-1})), kTensorShapeMismatch);
  EXPECT_EQ(read_floats("[[1,2]]", {-1, 3}).error().message(), "the array has the shape [1, 2]; [?, 3] is wanted");
  EXPECT_EQ(code_of(read_floats("[1]", {INT64_MAX, INT64_MAX})), kTensorShapeInvalid);
}

TEST(ArrayJson, RefusesRaggedArraysAndSaysWhere) {
  for (const char* json :
       {"[[1,2],[3]]", "[[1],[2,3]]", "[1,[2]]", "[[1],2]", "[[],[1]]", "[[1],[]]", "[[],[[]]]", "[[[]],[]]", "[[],1]"}) {
    EXPECT_EQ(code_of(read_floats(json, {-1, -1})), kArrayRagged) << json;
  }
  EXPECT_EQ(read_floats("[[1,2],[3]]", {-1, -1}).error().message(), "byte 9: an array of 1 where others have 2");
}

TEST(ArrayJson, RefusesWhatIsNotJson) {
  for (const char* json :
       {"",     " ",    "[",     "[1",  "[1,",   "[1,]",  "[,1]",       "[1 2]", "[1]]",   "[1],",    "]",    "[01]",  "[+1]", "[1.]",
        "[.5]", "[1e]", "[1e+]", "[-]", "[--1]", "[NaN]", "[Infinity]", "[nan]", "[0x10]", "[1_000]", "[1]x", "[1;2]", "[\v1]"}) {
    EXPECT_EQ(code_of(read_floats(json, {-1})), kArrayJsonSyntax) << json;
  }
  EXPECT_TRUE(read_floats("[1,2x]").error().message().starts_with("byte 4:"));
}

TEST(ArrayJson, RefusesAnotherType) {
  for (const char* json : {"[true]", "[\"1\"]", "[{}]"}) EXPECT_EQ(code_of(read_floats(json)), kTensorTypeMismatch) << json;
  EXPECT_EQ(code_of(read("[null]", DType::kInt64, {-1})), kTensorTypeMismatch);
  EXPECT_EQ(code_of(read("[1]", DType::kString, {-1})), kTensorTypeMismatch);
  EXPECT_EQ(code_of(read("[null]", DType::kString, {-1})), kTensorTypeMismatch);
}

TEST(ArrayJson, HoldsTheRangeOfIntegersExactly) {
  EXPECT_EQ(read("[-128,127]", DType::kInt8, {-1})->values<std::int8_t>()[0], -128);
  EXPECT_EQ(code_of(read("[128]", DType::kInt8, {-1})), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read("[-1]", DType::kUint8, {-1})), kTensorValueOutOfRange);
  EXPECT_EQ(read("18446744073709551615", DType::kUint64, {})->values<std::uint64_t>()[0], UINT64_MAX);
  EXPECT_EQ(code_of(read("18446744073709551616", DType::kUint64, {})), kTensorValueOutOfRange);
  EXPECT_EQ(read("-9223372036854775808", DType::kInt64, {})->values<std::int64_t>()[0], INT64_MIN);
  EXPECT_EQ(code_of(read("9223372036854775808", DType::kInt64, {})), kTensorValueOutOfRange);
  EXPECT_EQ(read("9007199254740993", DType::kInt64, {})->values<std::int64_t>()[0], 9007199254740993);
  EXPECT_EQ(read("-0", DType::kUint8, {})->values<std::uint8_t>()[0], 0);
}

TEST(ArrayJson, TakesWholeNumbersHoweverTheyAreWritten) {
  EXPECT_EQ(read("[1.0, 1e3, 25e-1, -0.0]", DType::kInt32, {-1}).error().message(), "byte 11: int32 cannot hold 25e-1");
  const auto tensor = read("[1.0, 1e3, 250e-1, -0.0]", DType::kInt32, {-1});
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->values<std::int32_t>()[1], 1000);
  EXPECT_EQ(tensor->values<std::int32_t>()[2], 25);
}

TEST(ArrayJson, ReadsBools) {
  const auto tensor = read("[true,false,1,0]", DType::kBool, {-1});
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->bytes()[0], std::byte{1});
  EXPECT_EQ(tensor->bytes()[2], std::byte{1});
  EXPECT_EQ(tensor->bytes()[3], std::byte{0});
  EXPECT_EQ(code_of(read("[2]", DType::kBool, {-1})), kTensorValueOutOfRange);
  EXPECT_EQ(written(*tensor), "[true,false,true,false]");
}

TEST(ArrayJson, RoundsFloatsCorrectly) {
  for (const char* text : {"0.1",
                           "3.4028234e38",
                           "1.17549435e-38",
                           "1e-45",
                           "16777217",
                           "16777219",
                           "1.00000017881393421514957253748434595763683319091796875",
                           "1.00000017881393432617187499",
                           "0.000000000000000000000000000000000000011754942",
                           "123456789012345678901234567890",
                           "9007199254740993",
                           "7.0064923216240853546186479164495806564013097093825788587853e-46",
                           "0.3333333333333333",
                           "8388609.5",
                           "-0.0",
                           "0e99999999999",
                           "4.35",
                           "1e22",
                           "1e23",
                           "5e-324"}) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(floats_of(read_floats(text, {})).at(0)),
              std::bit_cast<std::uint32_t>(std::strtof(text, nullptr)))
        << text;
    EXPECT_EQ(read(text, DType::kFloat64, {})->values<double>()[0], std::strtod(text, nullptr)) << text;
  }
}

TEST(ArrayJson, MakesZeroOfWhatIsTooSmallAndRefusesWhatIsTooLarge) {
  EXPECT_EQ(floats_of(read_floats("1e-999", {})).at(0), 0.0f);
  EXPECT_EQ(floats_of(read_floats("0.00000000000000000001e-999999999999", {})).at(0), 0.0f);
  EXPECT_EQ(read("1e-999", DType::kFloat64, {})->values<double>()[0], 0.0);
  EXPECT_EQ(code_of(read_floats("1e39", {})), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read("1e999", DType::kFloat64, {})), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read("-1000000e999999999999", DType::kFloat64, {})), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read("70000", DType::kFloat16, {})), kTensorValueOutOfRange);
}

TEST(ArrayJson, LetsNotANumberThroughOnlyByPolicy) {
  constexpr const char* kJson = R"(["NaN", null, "Infinity", "-Infinity", 1])";
  EXPECT_EQ(code_of(read(kJson, DType::kFloat32, {-1}, NanPolicy::kRefuse)), kArrayNotFinite);
  EXPECT_EQ(code_of(read("[null]", DType::kFloat32, {-1}, NanPolicy::kRefuse)), kArrayNotFinite);
  for (const DType dtype : {DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64}) {
    const auto tensor = read(kJson, dtype, {-1}, NanPolicy::kAllow);
    ASSERT_TRUE(tensor);
    EXPECT_EQ(written(*tensor), R"(["NaN","NaN","Infinity","-Infinity",1])");
  }
  EXPECT_EQ(code_of(read("[\"NaN\"]", DType::kInt32, {-1}, NanPolicy::kAllow)), kTensorTypeMismatch);
  EXPECT_EQ(code_of(read("[\"nan\"]", DType::kFloat32, {-1}, NanPolicy::kAllow)), kTensorTypeMismatch);
}

TEST(ArrayJson, ReadsStringsWithEscapes) {
  const auto tensor = read(R"([["a\"b\\\/\b\f\n\r\t", "\u00e9\u20ac\ud83d\ude00é😀"], ["", "\u0000"]])", DType::kString, {-1, 2});
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->strings()[0], "a\"b\\/\b\f\n\r\t");
  EXPECT_EQ(tensor->strings()[1], "é€😀é😀");
  EXPECT_EQ(tensor->strings()[3], std::string(1, '\0'));
  EXPECT_EQ(written(*tensor), R"([["a\"b\\/\u0008\u000c\n\u000d\u0009","é€😀é😀"],["","\u0000"]])");
}

TEST(ArrayJson, RefusesBrokenStrings) {
  for (const char* json : {"[\"", "[\"a", "[\"\\\"]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]", "[\"\\ud800\"]", "[\"\\udc00\"]",
                           "[\"\\ud800\\u0041\"]", "[\"\n\"]", "[\"\x80\"]", "[\"\xc0\x80\"]", "[\"\xed\xa0\x80\"]",
                           "[\"\xf4\x90\x80\x80\"]", "[\"\xe0\x80\x80\"]", "[\"\xe2\x82\"]", "[\"\xff\"]"}) {
    EXPECT_EQ(code_of(read(json, DType::kString, {-1})), kArrayJsonSyntax) << json;
  }
}

TEST(ArrayJson, HoldsItsLimitsExactly) {
  const ArrayLimits limits{.elements_max = 3, .depth_max = 2, .string_bytes_max = 4};
  EXPECT_TRUE(tensor_from_json("[1,2,3]", DType::kFloat32, {-1}, NanPolicy::kRefuse, limits));
  EXPECT_EQ(code_of(tensor_from_json("[1,2,3,4]", DType::kFloat32, {-1}, NanPolicy::kRefuse, limits)), kTensorTooLarge);
  EXPECT_TRUE(tensor_from_json("[[1]]", DType::kFloat32, {-1, 1}, NanPolicy::kRefuse, limits));
  EXPECT_EQ(code_of(tensor_from_json("[[[1]]]", DType::kFloat32, {-1, 1, 1}, NanPolicy::kRefuse, limits)), kTensorTooLarge);
  EXPECT_TRUE(tensor_from_json("[\"\\u00e9ab\"]", DType::kString, {-1}, NanPolicy::kRefuse, limits));
  EXPECT_EQ(code_of(tensor_from_json("[\"abcde\"]", DType::kString, {-1}, NanPolicy::kRefuse, limits)), kTensorTooLarge);
  EXPECT_EQ(code_of(tensor_from_json("[\"a\",\"b\",\"c\",\"d\"]", DType::kString, {-1}, NanPolicy::kRefuse, limits)), kTensorTooLarge);
  EXPECT_EQ(code_of(read_floats(std::string(1'000'000, '['))), kTensorTooLarge);
}

TEST(ArrayJson, WritesNestedAndFlat) {
  const Tensor tensor = Tensor::of<float>({2, 1, 2}, {1, 0.1f, -2.5f, 1e20f});
  EXPECT_EQ(written(tensor), "[[[1,0.1]],[[-2.5,1e+20]]]");
  std::string flat;
  EXPECT_TRUE(append_json_flat(flat, tensor));
  EXPECT_EQ(flat, "[1,0.1,-2.5,1e+20]");
  EXPECT_EQ(written(Tensor::of<float>({}, {2})), "2");
  EXPECT_EQ(written(Tensor::zeros(DType::kFloat32, {1'000'000'000'000, 0})), "[]");
  const Tensor bytes = *Tensor::from_strings({2}, {"a", "a\xff\x80z"});
  EXPECT_EQ(append_json(flat, bytes).error().code(), kArrayNotText) << "bytes are not changed silently";
  EXPECT_EQ(append_json_flat(flat, bytes).error().message(), "element 1 is not UTF-8");
}

// Any bit pattern of any type that is a finite value comes back as it was.
RC_GTEST_PROP(Property25, ArraysOfEveryTypeComeBackFromJson, ()) {
  const auto dtype = static_cast<DType>(*rc::gen::inRange(static_cast<int>(DType::kUint8), static_cast<int>(DType::kString)));
  const Shape shape = {*rc::gen::inRange<std::int64_t>(0, 4), *rc::gen::inRange<std::int64_t>(0, 4), *rc::gen::inRange<std::int64_t>(0, 4)};
  const std::size_t size = *element_count(shape) * element_bytes(dtype);
  const auto raw = *rc::gen::container<std::vector<std::uint8_t>>(size, rc::gen::arbitrary<std::uint8_t>());
  const auto tensor = Tensor::from_bytes(dtype, shape, {std::as_bytes(std::span(raw)).begin(), std::as_bytes(std::span(raw)).end()});
  RC_ASSERT(tensor.has_value());
  const auto back = tensor_from_json(written(*tensor), dtype, shape, NanPolicy::kAllow);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->shape() == shape);
  const auto before = *tensor->converted_to(dtype == DType::kFloat64 ? dtype : DType::kFloat64);
  const auto after = *back->converted_to(dtype == DType::kFloat64 ? dtype : DType::kFloat64);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double was = before.values<double>()[i];
    RC_ASSERT(was == after.values<double>()[i] || (std::isnan(was) && std::isnan(after.values<double>()[i])));
  }
  if (dtype < DType::kFloat16) RC_ASSERT(std::ranges::equal(tensor->bytes(), back->bytes()));
}

TEST(ArrayJson, AnIntegerIsReadExactlyOrNotAtAll) {
  const auto read_one = [](const std::string& number, DType dtype) { return read("[" + number + "]", dtype, {-1}); };
  for (const char* beyond :
       {"1e400", "-1e400", "5e-400", "-5e-400", "0.5e-400", "18446744073709551616e-400", "1e19", "9223372036854775808.0"}) {
    EXPECT_EQ(code_of(read_one(beyond, DType::kInt64)), kTensorValueOutOfRange) << beyond;
    EXPECT_EQ(code_of(read_one(beyond, DType::kBool)), kTensorValueOutOfRange) << beyond;
  }
  EXPECT_EQ(read_one("9007199254740993.0", DType::kInt64)->values<std::int64_t>()[0], 9007199254740993);
  EXPECT_EQ(read_one("-922337203685477580.8e1", DType::kInt64)->values<std::int64_t>()[0], INT64_MIN);
  EXPECT_EQ(read_one("1.844674407370955161e19", DType::kUint64)->values<std::uint64_t>()[0], 18446744073709551610U);
  EXPECT_EQ(read_one("0e400", DType::kInt32)->values<std::int32_t>()[0], 0);
  EXPECT_EQ(read_one("0.000000000000000000000000e-9", DType::kInt32)->values<std::int32_t>()[0], 0);
  EXPECT_EQ(read_one("2.000000000000000000000000", DType::kInt32)->values<std::int32_t>()[0], 2);
  EXPECT_EQ(read_one("5e-400", DType::kFloat64)->values<double>()[0], 0) << "a floating-point number is rounded";
}

TEST(ArrayJson, WithoutAWantedShapeTheNestingIsTheShape) {
  const auto shape = [](std::string_view json, DType dtype) { return tensor_from_json(json, dtype, NanPolicy::kRefuse)->shape(); };
  EXPECT_EQ(shape("5", DType::kInt64), Shape{});
  EXPECT_EQ(shape("[[1,2],[3,4],[5,6]]", DType::kFloat32), (Shape{3, 2}));
  EXPECT_EQ(shape("[\"a\"]", DType::kString), Shape{1});
  EXPECT_EQ(code_of(tensor_from_json("[[1],[2,3]]", DType::kFloat32, NanPolicy::kRefuse)), kArrayRagged);
}

}  // namespace
}  // namespace forebay::tensors
