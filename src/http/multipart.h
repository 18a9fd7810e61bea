// Forms of multipart/form-data (RFC 7578): fields and files, as views into the body.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::http {

inline constexpr std::size_t kFormPartsMax = 65'536;

struct FormPart {
  std::string name;
  bool is_file = false;  // it states a file name
  std::string_view content;
};

// `content_type` is the header with its boundary. kFormInvalid: no boundary, no closing delimiter, a part without a name, too many parts.
Result<std::vector<FormPart>> read_form(std::string_view content_type, std::string_view body);

}  // namespace forebay::http
