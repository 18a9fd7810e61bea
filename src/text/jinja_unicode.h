// Text as Python sees it: code points, not bytes. Invalid bytes count as one character each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace forebay::text::jinja {

struct CodePoint {
  char32_t value;  // an invalid byte gives kInvalid
  std::size_t bytes;
};
inline constexpr char32_t kInvalid = 0xFFFFFFFF;

CodePoint code_point_at(std::string_view text, std::size_t at);
void append_code_point(std::string& text, char32_t value);
bool is_ascii(std::string_view text);
std::size_t count_code_points(std::string_view text);
// The byte where the code point with this index begins; text.size() beyond the end.
std::size_t byte_of(std::string_view text, std::size_t index);

// str.isspace, str.isprintable for one character.
bool is_space(char32_t value);
bool is_printable(char32_t value);
bool is_letter(char32_t value);
// Case for Latin, Greek and Cyrillic letters; others are left alone.
char32_t to_upper(char32_t value);
char32_t to_lower(char32_t value);
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);

enum class Side { kLeft, kRight, kBoth };
// Without `characters`, whitespace.
std::string_view strip(std::string_view text, Side side);
std::string_view strip(std::string_view text, Side side, std::string_view characters);

// Substring search in time linear in both (memmem); npos if absent.
std::size_t find(std::string_view text, std::string_view part, std::size_t from = 0);
std::size_t find_last(std::string_view text, std::string_view part);

}  // namespace forebay::text::jinja
