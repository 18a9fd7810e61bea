#include "tensors/csv_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensors/errors.h"
#include "tensors/utf8.h"

namespace forebay::tensors {

namespace {
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
}

CsvLines::CsvLines(std::string_view text, const CsvOptions& options)
    : text_(text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text), options_(options) {}

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
    while (!at_line_end() && text_[at_] != options_.separator && text_[at_] != '"') ++at_;
    field.assign(text_, start, at_ - start);
  }
  if (!at_line_end() && text_[at_] != options_.separator) {
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
