#include "text/byte_alphabet.h"

#include <array>

#include "text/unicode_text.h"

namespace forebay::text {

namespace {

constexpr std::size_t kHighest = 0x144;  // of the 256 characters

constexpr std::array<char32_t, 256> make_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    characters[byte] = printable ? byte : next++;
  }
  return characters;
}
constexpr auto kCharacters = make_characters();

constexpr std::array<int, kHighest> make_bytes() {
  std::array<int, kHighest> bytes{};
  bytes.fill(-1);
  for (int byte = 0; byte < 256; ++byte) bytes[kCharacters[static_cast<std::size_t>(byte)]] = byte;
  return bytes;
}
constexpr auto kBytes = make_bytes();

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
  std::string characters;
  characters.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) unicode::append(characters, kCharacters[static_cast<unsigned char>(byte)]);
  return characters;
}

std::string from_byte_alphabet(std::string_view characters) {
  std::string bytes;
  for (std::size_t at = 0; at < characters.size();) {
    const char32_t value = unicode::next(characters, at);
    if (value < kHighest && kBytes[value] >= 0)
      bytes += static_cast<char>(kBytes[value]);
    else
      unicode::append(bytes, value);
  }
  return bytes;
}

}  // namespace forebay::text
