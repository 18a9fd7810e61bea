// The grammar of a JSON text, checked in one pass: RFC 8259, UTF-8, depth, duplicate keys.
// Threads: immutable. Owner: json_body, which takes the fields out; views the text, which must outlive what is returned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::http {

struct JsonLimits {
  std::uint32_t depth_max = 64;
  std::uint32_t keys_max = 4096;  // of one object
};

struct JsonMember {
  std::string_view key;  // as it is written, without quotes
  std::string_view value;
};

// The text without a byte order mark in front, which some editors and languages write.
std::string_view without_mark(std::string_view text);

// Checks one JSON value with nothing but white space around it. kJsonSyntax, kJsonNotUtf8, kJsonTooDeep, kJsonDuplicateKey, with the byte.
Result<> check_json(std::string_view text, const JsonLimits& limits);
// The same, and the members of the outermost object; none when the value is no object.
Result<std::vector<JsonMember>> check_json_members(std::string_view text, const JsonLimits& limits);

// Of a checked string with its quotes. kJsonNotUtf8: an escape that is half of a surrogate pair.
Result<std::string> decode_json_string(std::string_view raw, const std::string& path);

inline bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace forebay::http
