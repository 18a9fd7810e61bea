#include "tensors/npy.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

constexpr ErrorCode kNoError{0, "no_error", ErrorKind::kInternal, "", ""};
const ErrorCode& code_of(const auto& result) { return result ? kNoError : result.error().code(); }

// A file of version 1, 2 or 3 with the given header text and values.
std::string file_with(std::string_view header, std::string_view body, char version = 1) {
  std::string file = std::string("\x93NUMPY", 6) + version + '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  if (version > 1) file += std::string(2, '\0');
  return file.append(header).append(body);
}
std::string header_of(std::string_view descr, std::string_view shape, std::string_view order = "False") {
  return "{'descr': '" + std::string(descr) + "', 'fortran_order': " + std::string(order) + ", 'shape': " + std::string(shape) + ", }\n";
}
Result<Tensor> read(std::string_view file, const NpyLimits& limits = {}) { return read_npy(std::as_bytes(std::span(file)), limits); }

std::string bytes_of(const auto&... values) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  return bytes;
}

TEST(Npy, ReadsTheThreeVersions) {
  const std::string body = bytes_of(1.5f, -2.0f);
  for (const char version : {1, 2, 3}) {
    const auto tensor = read(file_with(header_of("<f4", "(2,)"), body, version));
    ASSERT_TRUE(tensor);
    EXPECT_EQ(tensor->shape(), Shape{2});
    EXPECT_EQ(tensor->values<float>()[1], -2.0f);
  }
  EXPECT_EQ(code_of(read(file_with(header_of("<f4", "(2,)"), body, 4))), kNpyUnsupported);
  EXPECT_EQ(code_of(read(file_with(header_of("<f4", "(2,)"), body, 0))), kNpyUnsupported);
}

TEST(Npy, ReadsEveryWayNumpyWritesAShape) {
  const std::string body = bytes_of(7.0);
  EXPECT_EQ(read(file_with(header_of("<f8", "()"), body))->shape(), Shape{});
  EXPECT_EQ(read(file_with(header_of("<f8", "(1,)"), body))->shape(), Shape{1});
  EXPECT_EQ(read(file_with(header_of("<f8", "(1, 1)"), body))->shape(), (Shape{1, 1}));
  EXPECT_EQ(read(file_with(header_of("<f8", "(1L, 1L)"), body))->shape(), (Shape{1, 1}));
  EXPECT_EQ(read(file_with("{\"shape\":(1,),\"fortran_order\":False,\"descr\":\"<f8\"}", body))->shape(), Shape{1});
  EXPECT_EQ(read(file_with(header_of("<f8", "(0, 5)"), ""))->shape(), (Shape{0, 5}));
}

TEST(Npy, TurnsColumnMajorIntoRowMajor) {
  const std::string body = bytes_of(1, 4, 2, 5, 3, 6);
  const auto tensor = read(file_with(header_of("<i4", "(2, 3)", "True"), body));
  ASSERT_TRUE(tensor);
  EXPECT_EQ(std::vector<int>(tensor->values<int>().begin(), tensor->values<int>().end()), (std::vector{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, ReadsBigEndian) {
  const auto tensor = read(file_with(header_of(">i4", "(2,)"), std::string("\0\0\1\2\xff\xff\xff\xfe", 8)));
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->values<std::int32_t>()[0], 258);
  EXPECT_EQ(tensor->values<std::int32_t>()[1], -2);
}

TEST(Npy, ReadsByteStringsAndUnicode) {
  EXPECT_EQ(read(file_with(header_of("|S3", "(2,)"), std::string("ab\0abc", 6)))->strings()[0], "ab");
  const auto unicode = read(file_with(header_of("<U2", "(2,)"), bytes_of(U'é', U'\0', U'a', U'😀')));
  ASSERT_TRUE(unicode);
  EXPECT_EQ(unicode->strings()[0], "é");
  EXPECT_EQ(unicode->strings()[1], "a😀");
  EXPECT_EQ(code_of(read(file_with(header_of("<U1", "(1,)"), bytes_of(0xd800u)))), kNpyInvalid);
  EXPECT_EQ(code_of(read(file_with(header_of("<U1", "(1,)"), bytes_of(0x110000u)))), kNpyInvalid);
}

TEST(Npy, RefusesWhatWouldNeedCodeOrIsNoPlainNumber) {
  for (const char* descr : {"|O", "|O8", "<c8", "<M8[ns]", "|V8", "<f16", "<i3", "|U0", "|S0", "f4", "", "<f", "<fx", "<f4x", "=f4"}) {
    EXPECT_EQ(code_of(read(file_with(header_of(descr, "(1,)"), "12345678"))), kNpyUnsupported) << descr;
  }
  EXPECT_EQ(code_of(read(file_with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "1234"))), kNpyUnsupported);
}

TEST(Npy, RefusesBrokenHeaders) {
  for (const char* header :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "x{}", "{'descr' '<f4'}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "{'descr': '<f4', 'fortran_order': False, 'shape': (1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1, }", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,), }", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"}) {
    EXPECT_EQ(code_of(read(file_with(header, "1234"))), kNpyInvalid) << header;
  }
}

TEST(Npy, RefusesFilesThatEndEarlyOrLate) {
  const std::string whole = file_with(header_of("<f4", "(2,)"), "12345678");
  ASSERT_TRUE(read(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(read(std::string_view(whole).substr(0, size))) << size;
  EXPECT_EQ(code_of(read(whole + "1")), kNpyInvalid);
  EXPECT_EQ(code_of(read(file_with(header_of("<f4", "(4611686018427387904, 4)"), ""))), kNpyInvalid);
  EXPECT_EQ(code_of(read(file_with(header_of("<f4", "(1152921504606846975,)"), ""))), kTensorTooLarge);
}

TEST(Npy, RefusesBoolsThatAreNeitherZeroNorOne) {
  EXPECT_EQ(code_of(read(file_with(header_of("|b1", "(2,)"), "\1\2"))), kTensorValueOutOfRange);
}

TEST(Npy, HoldsItsLimitsExactly) {
  const std::string header = header_of("|u1", "(1, 3)");
  const std::string file = file_with(header, "abc");
  EXPECT_TRUE(read(file, {.header_bytes_max = header.size(), .rank_max = 2, .elements_max = 3}));
  EXPECT_EQ(code_of(read(file, {.header_bytes_max = header.size() - 1})), kTensorTooLarge);
  EXPECT_EQ(code_of(read(file, {.rank_max = 1})), kTensorTooLarge);
  EXPECT_EQ(code_of(read(file, {.elements_max = 2})), kTensorTooLarge);
  const Tensor bytes = Tensor::zeros(DType::kUint8, {3});
  EXPECT_TRUE(write_npy(bytes, {.bytes_max = 131}));
  EXPECT_EQ(code_of(write_npy(bytes, {.bytes_max = 130})), kTensorTooLarge);
  const Tensor strings = *Tensor::from_strings({2}, {"abc", ""});
  EXPECT_TRUE(write_npy(strings, {.bytes_max = 128 + 24}));
  EXPECT_EQ(code_of(write_npy(strings, {.bytes_max = 128 + 23})), kTensorTooLarge);
  EXPECT_EQ(code_of(write_npy(Tensor::zeros(DType::kUint8, {1, 1, 1}), {.rank_max = 2})), kTensorTooLarge);
}

TEST(Npy, WritesWhatNumpyWrites) {
  const auto file = write_npy(Tensor::of<float>({1, 2}, {1, 2}));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 128u + 8);
  EXPECT_TRUE(file->substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (1,2,), }"));
  EXPECT_EQ(file->at(127), '\n');
}

TEST(Npy, RefusesToWriteStringsThatWouldNotComeBack) {
  EXPECT_EQ(code_of(write_npy(*Tensor::from_strings({1}, {std::string("a\0", 2)}))), kNpyUnsupported);
  EXPECT_EQ(code_of(write_npy(*Tensor::from_strings({1}, {"\xff"}))), kNpyUnsupported);
}

RC_GTEST_PROP(Property25, NumbersComeBackFromNpyBitForBit, ()) {
  const auto dtype = static_cast<DType>(*rc::gen::inRange(static_cast<int>(DType::kUint8), static_cast<int>(DType::kString)));
  const auto shape = *rc::gen::resize(4, rc::gen::container<Shape>(rc::gen::inRange<std::int64_t>(0, 4)));
  const auto raw =
      *rc::gen::container<std::vector<std::uint8_t>>(*element_count(shape) * element_bytes(dtype), rc::gen::arbitrary<std::uint8_t>());
  const auto bytes = std::as_bytes(std::span(raw));
  const auto tensor = Tensor::from_bytes(dtype, shape, {bytes.begin(), bytes.end()});
  const auto file = write_npy(*tensor);
  RC_ASSERT(file.has_value());
  const auto back = read(*file);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->dtype() == dtype);
  RC_ASSERT(back->shape() == shape);
  RC_ASSERT(std::ranges::equal(back->bytes(), tensor->bytes()));
}

RC_GTEST_PROP(Property25, StringsComeBackFromNpy, ()) {
  const auto word = rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  const auto strings = *rc::gen::container<std::vector<std::string>>(word);
  const auto tensor = Tensor::from_strings({static_cast<std::int64_t>(strings.size())}, strings);
  const auto back = read(*write_npy(*tensor));
  RC_ASSERT(back.has_value());
  RC_ASSERT(std::ranges::equal(back->strings(), tensor->strings()));
}

}  // namespace
}  // namespace forebay::tensors
