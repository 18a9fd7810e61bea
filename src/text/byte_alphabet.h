// The alphabet of byte-level BPE: every byte as one printable character, as GPT-2 chose them.
// Source: github.com/openai/gpt-2, encoder.py, bytes_to_unicode. Threads: immutable.
#pragma once

#include <string>
#include <string_view>

namespace forebay::text {

std::string to_byte_alphabet(std::string_view bytes);
// Characters outside the alphabet stay what they are.
std::string from_byte_alphabet(std::string_view characters);

}  // namespace forebay::text
