// Base64, RFC 4648 section 4 (with padding); line breaks, blanks and tabs between the characters are skipped, as MIME writes them.
// Threads: immutable.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace forebay {

std::string encode_base64(std::span<const std::byte> bytes);
// Nothing on a character outside the alphabet, wrong padding, or a number of characters that is no multiple of four.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text);

}  // namespace forebay
