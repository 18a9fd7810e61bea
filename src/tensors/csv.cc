#include "tensors/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "tensors/csv_lines.h"
#include "tensors/errors.h"
#include "tensors/json_element.h"

namespace forebay::tensors {

namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// What JSON does not write: a dot at an end, "nan", "inf" and "infinity" in any case.
std::optional<double> parse_loosely(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_bool_word(std::string_view text) { return text == "true" || text == "false" || text == "True" || text == "False"; }

enum class Parsed : std::uint8_t { kStored, kNoNumber, kOutOfRange, kNotFinite };

template <class T>
Parsed parse_field(std::string_view field, NanPolicy nan, T& stored) {
  std::string_view text = trimmed(field);
  if constexpr (std::is_same_v<T, Bool>) {
    if (is_bool_word(text)) {
      stored.byte = text == "true" || text == "True";
      return Parsed::kStored;
    }
  }
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const JsonNumber number = scan_json_number(text);
  if (!text.empty() && number.text.size() == text.size()) return store_number(stored, number) ? Parsed::kStored : Parsed::kOutOfRange;
  const auto value = text.empty() && kIsFloating<T> ? std::optional(std::numeric_limits<double>::quiet_NaN()) : parse_loosely(text);
  if (!value) return Parsed::kNoNumber;
  if (kIsFloating<T> && !std::isfinite(*value) && nan == NanPolicy::kRefuse) return Parsed::kNotFinite;
  return store_element(stored, *value) ? Parsed::kStored : Parsed::kOutOfRange;
}

Error field_error(Parsed parsed, std::string_view field, DType dtype) {
  const std::string shown = fmt::format("'{}'", field.substr(0, 40));
  if (parsed == Parsed::kNotFinite) return {kArrayNotFinite, fmt::format("{} is not a finite number", shown)};
  if (parsed == Parsed::kOutOfRange) return {kTensorValueOutOfRange, fmt::format("{} cannot hold {}", name_of(dtype), shown)};
  return {kTensorTypeMismatch, fmt::format("{} is not a {}", shown, name_of(dtype))};
}

bool reads_as_value(std::string_view field) {
  const auto text = trimmed(field);
  if (text.empty()) return false;
  return is_bool_word(text) || scan_json_number(text).text.size() == text.size() || parse_loosely(text).has_value();
}

bool is_header(const std::vector<std::string>& fields, DType dtype, const CsvOptions& options) {
  if (options.header != CsvHeader::kAuto) return options.header == CsvHeader::kPresent;
  const auto is_known = [&](const std::string& field) { return std::ranges::contains(options.known_names, trimmed(field)); };
  if (std::ranges::all_of(fields, is_known)) return true;
  if (dtype == DType::kString) return false;
  const bool has_name = std::ranges::any_of(fields, [](const std::string& field) { return !trimmed(field).empty(); });
  return has_name && std::ranges::none_of(fields, reads_as_value);
}

// A cell of the first row that is no number, in a row that has numbers: either a wrong cell, or a header with a number in it.
Error with_header_hint(Error error) {
  return std::move(error).with_hint("correct the cell; a first row is taken as a header only if none of its fields is a number");
}

// Rows of fields as elements of one type.
class Cells {
 public:
  Cells(DType dtype, NanPolicy nan) : dtype_(dtype), nan_(nan) {}

  Result<> add(const std::string& field) {
    ++count_;
    if (dtype_ == DType::kString) {
      strings_.push_back(field);
      return {};
    }
    return with_element_type(dtype_, [&]<class T>() -> Result<> {
      T stored{};
      const Parsed parsed = parse_field(field, nan_, stored);
      if (parsed != Parsed::kStored) return fail(field_error(parsed, field, dtype_));
      const auto raw = std::as_bytes(std::span(&stored, 1));
      bytes_.insert(bytes_.end(), raw.begin(), raw.end());
      return {};
    });
  }
  std::size_t count() const { return count_; }
  Result<Tensor> take(Shape shape) {
    if (dtype_ == DType::kString) return Tensor::from_strings(std::move(shape), std::move(strings_));
    return Tensor::from_bytes(dtype_, std::move(shape), std::move(bytes_));
  }

 private:
  const DType dtype_;
  const NanPolicy nan_;
  std::size_t count_ = 0;
  std::vector<std::byte> bytes_;
  std::vector<std::string> strings_;
};

// What a reader who has a table of another kind has to change; empty if nothing shows.
std::string separator_hint(const CsvLines& lines, std::string_view field) {
  if (field.contains(';') || field.contains('\t'))
    return "between fields stands what the first line has: a comma, else a semicolon, else a tab; write 1.5 for 1,5 where fields end with "
           "a "
           "semicolon";
  if (lines.separator() != ',' && field.contains(',')) return "write a dot in numbers: 1.5 for 1,5";
  return "";
}

Result<> add_row(Cells& cells, const CsvLines& lines, std::size_t columns, std::size_t cells_max) {
  if (lines.fields().size() != columns) {
    return fail(kCsvInvalid, fmt::format("line {}: {} fields where others have {}", lines.line(), lines.fields().size(), columns));
  }
  if (columns > cells_max - cells.count())
    return fail(kTensorTooLarge, fmt::format("line {}: more than {} cells", lines.line(), cells_max));
  for (std::size_t i = 0; i < columns; ++i) {
    if (auto added = cells.add(lines.fields()[i]); !added) {
      Error error(added.error().code(), fmt::format("line {}, column {}: {}", lines.line(), i + 1, added.error().message()));
      auto hint = separator_hint(lines, lines.fields()[i]);
      return hint.empty() ? fail(std::move(error)) : fail(std::move(error).with_hint(std::move(hint)));
    }
  }
  return {};
}

void append_field(std::string& out, std::string_view text) {
  // An empty field is quoted, so that a row of one of them is no empty line; so is what would be skipped as a byte-order mark, and what
  // stands between fields, here or in other tables.
  if (!text.empty() && !text.starts_with("\xef\xbb\xbf") && text.find_first_of("\"\r\n,;\t") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

template <class T>
void append_element(std::string& out, T stored) {
  const auto value = load_element(stored);
  std::array<char, 32> digits;
  if constexpr (std::is_same_v<T, Bool>) {
    out += value != 0 ? "true" : "false";
  } else if (kIsFloating<T> && !std::isfinite(static_cast<double>(value))) {
    out += std::isnan(static_cast<double>(value)) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  } else {
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
}

void append_cell(std::string& out, const Tensor& tensor, std::size_t index) {
  if (tensor.dtype() == DType::kString) return append_field(out, tensor.strings()[index]);
  with_element_type(tensor.dtype(), [&]<class T>() { append_element(out, tensor.values<T>()[index]); });
}

}  // namespace

Result<CsvTable> read_csv(std::string_view text, DType dtype, const CsvOptions& options) {
  CsvLines lines(text, dtype, options);
  CsvTable table;
  Cells cells(dtype, options.nan);
  std::size_t columns = 0;
  std::size_t rows = 0;
  bool has_header = false;
  for (bool first = true;; first = false) {
    TRY_ASSIGN(const bool more, lines.next());
    if (!more) break;
    if (first) {
      columns = lines.fields().size();
      has_header = is_header(lines.fields(), dtype, options);
      if (has_header) {
        table.columns = lines.fields();
        continue;
      }
    }
    auto added = add_row(cells, lines, columns, options.cells_max);
    const bool may_be_header =
        first && std::ranges::none_of(lines.fields(), [&](const auto& field) { return !separator_hint(lines, field).empty(); });
    if (!added && may_be_header && added.error().code() == kTensorTypeMismatch) return fail(with_header_hint(std::move(added).error()));
    TRY(std::move(added));
    ++rows;
  }
  if (has_header && rows == 0) return fail(kCsvInvalid, "the table has a header and no row below it");
  TRY_ASSIGN(table.values, cells.take({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}));
  return table;
}

Result<Tensor> numbers_from_strings(const Tensor& strings, DType dtype, NanPolicy nan) {
  if (strings.dtype() != DType::kString) return strings.converted_to(dtype);
  Cells cells(dtype, nan);
  for (const std::string& text : strings.strings()) TRY(cells.add(text));
  return cells.take(strings.shape());
}

Result<> append_csv(std::string& out, const Tensor& tensor, std::span<const std::string> columns) {
  const std::size_t rows = tensor.shape().empty() ? 1 : static_cast<std::size_t>(tensor.shape()[0]);
  const std::size_t row_cells = tensor.size() == 0 ? 0 : tensor.size() / rows;
  if (!columns.empty() && tensor.size() > 0 && columns.size() != row_cells) {
    return fail(kTensorShapeMismatch, fmt::format("{} column names for rows of {}", columns.size(), row_cells));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    append_field(out, columns[i]);
  }
  if (!columns.empty()) out += "\r\n";
  for (std::size_t i = 0; i < tensor.size(); ++i) {
    append_cell(out, tensor, i);
    out += (i + 1) % row_cells == 0 ? "\r\n" : ",";
  }
  return {};
}

}  // namespace forebay::tensors
