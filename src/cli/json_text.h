// JSON strings, for what is small and written by hand: schemas, tables, one error. Documents of others go through glaze.
// Threads: no state.
#pragma once

#include <string>
#include <string_view>

namespace forebay::cli {

// Quoted and escaped (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD, so that the result always is.
std::string json_string(std::string_view text);

}  // namespace forebay::cli
