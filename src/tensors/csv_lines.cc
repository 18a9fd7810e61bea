#include "tensors/csv_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensors/errors.h"
#include "tensors/utf8.h"

namespace forebay::tensors {

namespace {
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view without_mark(std::string_view text) {
  return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

// The next line that is not empty, whose quotes end in it.
std::string_view next_line(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (is_quoted || text[end] != '\n'); ++end) is_quoted ^= text[end] == '"';
  const auto line = text.substr(0, end);
  text.remove_prefix(end);
  return line;
}

std::size_t count_unquoted(std::string_view line, char separator) {
  std::size_t count = 0;
  bool is_quoted = false;
  for (const char c : line) {
    is_quoted ^= c == '"';
    if (!is_quoted && c == separator) ++count;
  }
  return count;
}

char separator_of(std::string_view text, DType dtype) {
  const auto first = next_line(text);
  const auto second = next_line(text);
  for (const char separator : {',', ';', '\t'}) {
    const std::size_t count = count_unquoted(first, separator);
    if (count == 0) continue;
    if (separator == ',' || dtype != DType::kString || count == count_unquoted(second, separator)) return separator;
  }
  return ',';
}
}  // namespace

CsvLines::CsvLines(std::string_view text, DType dtype, const CsvOptions& options)
    : text_(without_mark(text)),
      options_(options),
      separator_(options.separator != kCsvSeparatorOfText ? options.separator : separator_of(text_, dtype)) {}

bool CsvLines::at_line_end() const {
  return at_ >= text_.size() || text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
}

void CsvLines::skip_line_end() {
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ < text_.size() && text_[at_] == '\n') ++at_;
  ++next_line_;
}

Result<bool> CsvLines::next() {
  while (at_ < text_.size() && at_line_end()) skip_line_end();
  if (at_ >= text_.size()) return false;
  line_ = next_line_;
  fields_.clear();
  for (;;) {
    if (fields_.size() == options_.columns_max) {
      return fail(kTensorTooLarge, fmt::format("line {}: more than {} columns", line_, options_.columns_max));
    }
    TRY(read_field(fields_.emplace_back()));
    if (at_line_end()) break;
    ++at_;  // The separator: read_field ends nowhere else.
  }
  skip_line_end();
  return true;
}

Result<> CsvLines::read_field(std::string& field) {
  if (at_ < text_.size() && text_[at_] == '"') {
    TRY(read_quoted(field));
  } else {
    const std::size_t start = at_;
    while (!at_line_end() && text_[at_] != separator_ && text_[at_] != '"') ++at_;
    field.assign(text_, start, at_ - start);
  }
  if (!at_line_end() && text_[at_] != separator_) {
    return fail(kCsvInvalid, fmt::format("line {}: a quote inside a field, or text after a quoted one", next_line_));
  }
  if (field.size() > options_.field_bytes_max) {
    return fail(kTensorTooLarge, fmt::format("line {}: a field of more than {} bytes", next_line_, options_.field_bytes_max));
  }
  if (!is_utf8(field)) return fail(kCsvInvalid, fmt::format("line {}: a field is not UTF-8", next_line_));
  return {};
}

Result<> CsvLines::read_quoted(std::string& field) {
  ++at_;
  for (;;) {
    const std::size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) return fail(kCsvInvalid, fmt::format("line {}: a quoted field does not end", line_));
    field.append(text_, at_, quote - at_);
    at_ = quote + 1;
    if (at_ >= text_.size() || text_[at_] != '"') break;
    field += '"';
    ++at_;
  }
  next_line_ += static_cast<std::size_t>(std::ranges::count(field, '\n'));
  return {};
}

}  // namespace forebay::tensors
