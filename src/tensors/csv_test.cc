#include "tensors/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "tensors/errors.h"

namespace forebay::tensors {
namespace {

constexpr ErrorCode kNoError{0, "no_error", ErrorKind::kInternal, "", ""};
const ErrorCode& code_of(const auto& result) { return result ? kNoError : result.error().code(); }

std::vector<float> floats_of(const Result<CsvTable>& table) {
  if (!table) return {};
  return {table->values.values<float>().begin(), table->values.values<float>().end()};
}

TEST(Csv, ReadsATableWithAHeader) {
  const auto table = read_csv("a,b c\r\n1, 2.5\r\n-3e2,+4\r\n", DType::kFloat32);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->columns, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(table->values.shape(), (Shape{2, 2}));
  EXPECT_EQ(floats_of(table), (std::vector<float>{1, 2.5, -300, 4}));
}

TEST(Csv, FindsOutWhetherThereIsAHeader) {
  EXPECT_TRUE(read_csv("1,2\n3,4", DType::kFloat32)->columns.empty());
  EXPECT_EQ(read_csv("1,2\n3,4", DType::kFloat32)->values.shape(), (Shape{2, 2}));
  EXPECT_EQ(read_csv("x,\n3,4", DType::kFloat32)->columns.size(), 2u);
  EXPECT_EQ(read_csv("1,2\n3,4", DType::kFloat32, {.header = CsvHeader::kPresent})->values.shape(), (Shape{1, 2}));
  EXPECT_EQ(code_of(read_csv("1,x\n3,4", DType::kFloat32, {.header = CsvHeader::kAbsent})), kTensorTypeMismatch);
  EXPECT_TRUE(read_csv("a\nb", DType::kString)->columns.empty());
}

TEST(Csv, RefusesAFirstRowOfNumbersAndWordsInsteadOfDroppingIt) {
  const std::vector<std::pair<std::string, std::string>> tables = {{"1,x\n3,4\n", "line 1, column 2: 'x' is not a float32"},
                                                                   {"a,2019,2020\n1,2,3\n", "line 1, column 1: 'a' is not a float32"},
                                                                   {"5.1,3.5,oops\n", "line 1, column 3: 'oops' is not a float32"},
                                                                   {"nan,x\n", "line 1, column 1: 'nan' is not a finite number"}};
  for (const auto& [text, message] : tables) {
    const auto table = read_csv(text, DType::kFloat32);
    ASSERT_FALSE(table) << text;
    EXPECT_EQ(table.error().message(), message);
  }
  EXPECT_NE(read_csv("1,x\n", DType::kFloat32).error().hint().find("header"), std::string_view::npos);
}

TEST(Csv, ReadsSemicolonsAndTabsWhereTheFirstLineHasNoComma) {
  for (const std::string separator : {";", "\t", ","}) {
    const auto table = read_csv("a" + separator + "b\n1.5" + separator + "2\n", DType::kFloat32);
    ASSERT_TRUE(table) << separator << table.error().message();
    EXPECT_EQ(table->columns, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(floats_of(table), (std::vector<float>{1.5, 2}));
  }
  EXPECT_EQ(read_csv("\"a,b\";c\n1;2\n", DType::kFloat32)->columns, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(code_of(read_csv("1;2\n", DType::kFloat32, {.header = CsvHeader::kAbsent, .separator = ','})), kTensorTypeMismatch);
}

TEST(Csv, SplitsTextsOnlyWhereTheLinesAgree) {
  EXPECT_EQ(read_csv("male;S\nfemale;Q\n", DType::kString)->values.shape(), (Shape{2, 2}));
  EXPECT_EQ(read_csv("one; two\nthree\n", DType::kString)->values.shape(), (Shape{2, 1}));
  EXPECT_EQ(read_csv("one; two\n", DType::kString)->values.shape(), (Shape{1, 1}));
}

TEST(Csv, SaysWhatToDoWithADecimalComma) {
  const auto both = read_csv("1,5;2,5\n", DType::kFloat32);
  ASSERT_FALSE(both);
  EXPECT_TRUE(both.error().hint().contains("write 1.5 for 1,5")) << both.error().hint();
  const auto below = read_csv("a;b\n1,5;2\n", DType::kFloat32);
  ASSERT_FALSE(below);
  EXPECT_EQ(below.error().message(), "line 2, column 1: '1,5' is not a float32");
  EXPECT_TRUE(below.error().hint().contains("1.5 for 1,5")) << below.error().hint();
}

TEST(Csv, TakesAFirstRowOfKnownNamesAsAHeaderOfStringsToo) {
  const std::vector<std::string> names = {"text", "1st"};
  EXPECT_EQ(read_csv("1st, text\na,b\n", DType::kString, {.known_names = names})->values.shape(), (Shape{1, 2}));
  EXPECT_EQ(read_csv("1st,other\na,b\n", DType::kString, {.known_names = names})->values.shape(), (Shape{2, 2}));
}

TEST(Csv, SkipsTheByteOrderMarkAndEmptyLines) {
  const auto table = read_csv("\xef\xbb\xbf\n1\n\r\n\n2", DType::kFloat32);
  EXPECT_EQ(floats_of(table), (std::vector<float>{1, 2}));
}

TEST(Csv, KeepsAByteOrderMarkThatBelongsToAField) {
  std::string out;
  ASSERT_TRUE(append_csv(out, *Tensor::from_strings({1}, {"\xef\xbb\xbfx"})));
  EXPECT_EQ(read_csv(out, DType::kString)->values.strings()[0], "\xef\xbb\xbfx");
}

TEST(Csv, HasNoRowsInAnEmptyText) {
  EXPECT_EQ(read_csv("", DType::kFloat32)->values.shape(), (Shape{0, 0}));
  EXPECT_EQ(code_of(read_csv("a,b\n", DType::kFloat32)), kCsvInvalid);
  EXPECT_EQ(code_of(read_csv("1,2\n", DType::kFloat32, {.header = CsvHeader::kPresent})), kCsvInvalid);
}

TEST(Csv, ReadsQuotedFields) {
  const auto table = read_csv("\"a,\"\"b\"\"\",\"line\nend\"\r\n\"\",x\r\n", DType::kString);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->values.strings()[0], "a,\"b\"");
  EXPECT_EQ(table->values.strings()[1], "line\nend");
  EXPECT_EQ(table->values.strings()[2], "");
}

TEST(Csv, RefusesBrokenTables) {
  for (const char* text : {"1,2\n3", "1\n2,3", "\"1", "\"1\"x", "1\"2", "a\"b", "\"a\"\"", "\xff", "1,2,\n3,4"}) {
    EXPECT_EQ(code_of(read_csv(text, DType::kString)), kCsvInvalid) << text;
  }
  EXPECT_EQ(read_csv("\"a\nb\",1\nx\n", DType::kString).error().message(), "line 3: 1 fields where others have 2");
}

TEST(Csv, SaysWhichFieldIsNoNumber) {
  EXPECT_EQ(read_csv("a,b\n1,2\n3,four\n", DType::kFloat32).error().message(), "line 3, column 2: 'four' is not a float32");
  EXPECT_EQ(code_of(read_csv("1\n1 2\n", DType::kFloat32)), kTensorTypeMismatch);
  EXPECT_EQ(code_of(read_csv("1\n+-2\n", DType::kFloat32)), kTensorTypeMismatch);
  EXPECT_EQ(code_of(read_csv("1\n0x10\n", DType::kFloat32)), kTensorTypeMismatch);
}

TEST(Csv, HoldsTheRangeOfIntegersExactly) {
  EXPECT_EQ(read_csv("9223372036854775807\n1e3\n2.0\n", DType::kInt64)->values.values<std::int64_t>()[0], INT64_MAX);
  EXPECT_EQ(code_of(read_csv("9223372036854775808\n", DType::kInt64)), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read_csv("1.5\n", DType::kInt64)), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read_csv("1e999\n", DType::kFloat64)), kTensorValueOutOfRange);
  EXPECT_EQ(floats_of(read_csv("1e-999,.5,2.\n", DType::kFloat32)), (std::vector<float>{0, 0.5f, 2}));
  EXPECT_EQ(code_of(read_csv("nan\n", DType::kInt64)), kTensorValueOutOfRange);
  EXPECT_EQ(code_of(read_csv("1,\n", DType::kInt64)), kTensorTypeMismatch);
  EXPECT_EQ(read_csv("true,False,1,0\n", DType::kBool)->values.bytes()[0], std::byte{1});
}

TEST(Csv, LetsMissingValuesThroughOnlyByPolicy) {
  EXPECT_EQ(code_of(read_csv("1,\n", DType::kFloat32)), kArrayNotFinite);
  const auto table = read_csv("1,,nan,-inf,Infinity\n", DType::kFloat32, {.nan = NanPolicy::kAllow});
  ASSERT_TRUE(table);
  EXPECT_TRUE(std::isnan(floats_of(table)[1]));
  EXPECT_TRUE(std::isnan(floats_of(table)[2]));
  EXPECT_EQ(floats_of(table)[3], -std::numeric_limits<float>::infinity());
}

TEST(Csv, TakesAnotherSeparator) {
  EXPECT_EQ(floats_of(read_csv("1;2\n", DType::kFloat32, {.separator = ';'})), (std::vector<float>{1, 2}));
}

TEST(Csv, HoldsItsLimitsExactly) {
  const CsvOptions limits{.cells_max = 4, .columns_max = 2, .field_bytes_max = 3};
  EXPECT_TRUE(read_csv("100,2\n3,4\n", DType::kFloat32, limits));
  EXPECT_EQ(code_of(read_csv("1,2\n3,4\n5,6\n", DType::kFloat32, limits)), kTensorTooLarge);
  EXPECT_EQ(code_of(read_csv("1,2,3\n", DType::kFloat32, limits)), kTensorTooLarge);
  EXPECT_EQ(code_of(read_csv("1000,2\n", DType::kFloat32, limits)), kTensorTooLarge);
}

TEST(Csv, MakesNumbersOfStrings) {
  const Tensor strings = *Tensor::from_strings({2, 1}, {"1", " 2 "});
  EXPECT_EQ(numbers_from_strings(strings, DType::kInt64, NanPolicy::kRefuse)->values<std::int64_t>()[1], 2);
  EXPECT_EQ(numbers_from_strings(strings, DType::kInt64, NanPolicy::kRefuse)->shape(), (Shape{2, 1}));
  EXPECT_EQ(code_of(numbers_from_strings(*Tensor::from_strings({1}, {"x"}), DType::kInt64, NanPolicy::kRefuse)), kTensorTypeMismatch);
}

TEST(Csv, WritesRowsWithAHeader) {
  std::string out;
  const std::vector<std::string> names = {"a", "b,c"};
  ASSERT_TRUE(append_csv(out, Tensor::of<float>({2, 2}, {1, 0.1f, -2, std::nanf("")}), names));
  EXPECT_EQ(out, "a,\"b,c\"\r\n1,0.1\r\n-2,NaN\r\n");
  EXPECT_EQ(append_csv(out, Tensor::of<float>({1, 1}, {1}), names).error().code(), kTensorShapeMismatch);
  out.clear();
  ASSERT_TRUE(append_csv(out, Tensor::of<float>({}, {5})));
  ASSERT_TRUE(append_csv(out, Tensor::of<std::int64_t>({2, 1, 2}, {1, 2, 3, 4})));
  EXPECT_EQ(out, "5\r\n1,2\r\n3,4\r\n");
}

RC_GTEST_PROP(Property25, TablesOfStringsComeBackFromCsv, ()) {
  const auto columns = *rc::gen::inRange<std::int64_t>(1, 4);
  const auto rows = *rc::gen::inRange<std::int64_t>(0, 5);
  const auto field = rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', '\r', ' '));
  const auto fields = *rc::gen::container<std::vector<std::string>>(static_cast<std::size_t>(rows * columns), field);
  std::string text;
  RC_ASSERT(append_csv(text, *Tensor::from_strings({rows, columns}, fields)).has_value());
  const auto table = read_csv(text, DType::kString);
  RC_ASSERT(table.has_value());
  if (rows > 0) RC_ASSERT(table->values.shape() == (Shape{rows, columns}));
  RC_ASSERT(std::ranges::equal(table->values.strings(), fields));
}

RC_GTEST_PROP(Property25, NumbersComeBackFromCsv, (const std::vector<double>& values)) {
  RC_PRE(!values.empty());
  std::string text;
  RC_ASSERT(append_csv(text, Tensor::of<double>({static_cast<std::int64_t>(values.size())}, values)).has_value());
  const auto table = read_csv(text, DType::kFloat64);
  RC_ASSERT(table.has_value());
  RC_ASSERT(std::ranges::equal(table->values.values<double>(), values));
}

}  // namespace
}  // namespace forebay::tensors
