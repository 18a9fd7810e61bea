// Makes text out of a stranger's file fit to show: valid UTF-8, no control characters, bounded.
// Threads: shared (no state). Owner: none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace forebay::formats {

bool is_utf8(std::string_view text);
// Each byte that is not part of valid UTF-8 becomes U+FFFD. Control characters stay: templates need their line ends.
std::string as_utf8(std::string_view text);
// The same, cut at a character before `bytes_max`, with an ellipsis when something was cut.
std::string shortened(std::string_view text, std::size_t bytes_max);

}  // namespace forebay::formats
