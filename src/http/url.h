// Percent-encoding and the query of a URL (RFC 3986; forms: url.spec.whatwg.org, section 5).
// Threads: immutable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace forebay::http {

// Decodes "%2F" and the like. Nothing for a broken escape or a zero byte.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

class Query {
 public:
  // Reads "a=1&b=2", without the "?". kBadEscape.
  static Result<Query> read(std::string_view text);
  // Returns the first value of that name, empty if there is none.
  std::string value(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace forebay::http
