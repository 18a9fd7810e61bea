// Class names as exporters write them into metadata.
// Threads: shared (no state). Owner: none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace forebay::formats {

// A JSON array, a Python list or dict of names by class number ("{0: 'person', 1: 'bicycle'}", as Ultralytics writes), or names separated
// by line ends or commas. Empty when it is none of these, or when the numbers do not run from 0.
std::vector<std::string> parse_labels(std::string_view text);

}  // namespace forebay::formats
