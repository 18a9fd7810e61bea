// UTF-8 (RFC 3629) as arrays, files and names need it: shortest forms, no surrogates, at most U+10FFFF.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace forebay::tensors {

// The length of the sequence at the start of `text`; 0 if there is none.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);
bool is_character(std::uint32_t point);
// `point` must be a character.
void append_utf8(std::string& out, std::uint32_t point);
// Nothing if it is no UTF-8.
std::optional<std::u32string> to_utf32(std::string_view text);

}  // namespace forebay::tensors
