// Well-formed UTF-8 as code points, with what the Unicode Character Database says of them; normalization forms of UAX #15.
// Threads: immutable (no state).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace forebay::text::unicode {

// The code point that begins at `at`, which is moved past it. The text must be well-formed.
char32_t next(std::string_view text, std::size_t& at);
void append(std::string& text, char32_t value);
std::size_t length_at(std::string_view text, std::size_t at);  // bytes of the code point that begins there
std::size_t count(std::string_view text);

bool is_ascii(std::string_view text);
bool is_space(char32_t value);  // White_Space
bool is_numeric(char32_t value);
bool is_mark(char32_t value);
bool is_nonspacing_mark(char32_t value);
bool is_punctuation(char32_t value);       // categories P*, and the ASCII symbols that BERT counts with them
bool is_control(char32_t value);           // categories Cc, Cf and Co
bool is_chinese(char32_t value);           // the blocks BERT puts spaces around
bool is_word(char32_t value);              // \w: letters, marks, decimal digits, connectors
std::string lower(std::string_view text);  // each code point by itself

enum class Form : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
std::string normalize(std::string_view text, Form form);

// Where each extended grapheme cluster begins, and the end.
std::vector<std::size_t> grapheme_borders(std::string_view text);

}  // namespace forebay::text::unicode
