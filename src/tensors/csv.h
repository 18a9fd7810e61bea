// Tables of comma-separated values (RFC 4180; semicolons and tabs too) to tensors [rows, columns] and back.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensors/array_json.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// kAuto: the first row is a header if none of its fields is a number and one is not empty, or if all of them are `known_names`. In a table
// of strings only the second rule holds.
enum class CsvHeader : std::uint8_t { kAuto, kPresent, kAbsent };

// The one that the first line has outside of quotes: a comma, else a semicolon, else a tab. A table of strings must have it as often in its
// second line: a text may contain any of them.
inline constexpr char kCsvSeparatorOfText = 0;

struct CsvOptions {
  CsvHeader header = CsvHeader::kAuto;
  std::span<const std::string> known_names = {};  // of what the columns are for
  char separator = kCsvSeparatorOfText;
  NanPolicy nan = NanPolicy::kRefuse;  // kAllow: an empty field, NaN, Infinity and -Infinity (in any case; inf too) are values
  std::size_t cells_max = 64 << 20;
  std::size_t columns_max = 100'000;
  std::size_t field_bytes_max = 1 << 20;
};

struct CsvTable {
  std::vector<std::string> columns;  // the header; empty without one
  Tensor values;                     // [rows, columns]; [0, 0] for a text without fields
};

// Lines end with LF or CRLF, a byte-order mark and empty lines are skipped, spaces around numbers too. true and false are read
// for bools. Errors name the line: kCsvInvalid (rows of different length, stray quotes, no UTF-8, a header without rows),
// kTensorTypeMismatch (no number), kTensorValueOutOfRange, kArrayNotFinite, kTensorTooLarge.
Result<CsvTable> read_csv(std::string_view text, DType dtype, const CsvOptions& options = {});

// The strings of a tensor as numbers of `dtype`, by the same rules; for tables whose columns have different types.
Result<Tensor> numbers_from_strings(const Tensor& strings, DType dtype, NanPolicy nan);

// One row for each element of the first dimension, its elements in row-major order; a header if `columns` is not empty, which
// must then have as many names (kTensorShapeMismatch). Lines end with CRLF. Numbers as append_json writes them, without quotes.
Result<> append_csv(std::string& out, const Tensor& tensor, std::span<const std::string> columns = {});

}  // namespace forebay::tensors
