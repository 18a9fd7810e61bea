// Splits a CSV text into records, one at a time.
// Threads: confined to one call. Owner: csv.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensors/csv.h"

namespace forebay::tensors {

class CsvLines {
 public:
  CsvLines(std::string_view text, DType dtype, const CsvOptions& options);

  // The fields of the next record that is not an empty line; false at the end of the text. They are valid until the next call.
  Result<bool> next();
  const std::vector<std::string>& fields() const { return fields_; }
  // Where the record started, counted from 1.
  std::size_t line() const { return line_; }
  char separator() const { return separator_; }

 private:
  Result<> read_field(std::string& field);
  Result<> read_quoted(std::string& field);
  bool at_line_end() const;
  void skip_line_end();

  const std::string_view text_;
  const CsvOptions& options_;
  const char separator_;
  std::vector<std::string> fields_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;
  std::size_t next_line_ = 1;
};

}  // namespace forebay::tensors
