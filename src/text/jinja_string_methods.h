// Python's string methods that filters use too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja_heap.h"

namespace forebay::text::jinja {

// At most `count` times; all when negative.
Result<Value> replace(Heap& heap, std::string_view text, std::string_view from, std::string_view to, std::int64_t count);
// At "\n", "\r\n" and the other line ends of Python; without them unless `keep_ends`.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);
Result<Value> center(Heap& heap, std::string_view text, std::int64_t width, std::string_view fill);
bool is_lower(std::string_view text);
bool is_upper(std::string_view text);

}  // namespace forebay::text::jinja
