#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <iterator>

namespace forebay {

namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 0xff;

constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kInvalid);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}();
}  // namespace

std::string encode_base64(std::span<const std::byte> bytes) {
  std::string text;
  text.resize((bytes.size() + 2) / 3 * 4);
  std::size_t out = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const std::uint32_t group = std::to_integer<std::uint32_t>(bytes[i]) << 16 |
                                (left > 1 ? std::to_integer<std::uint32_t>(bytes[i + 1]) << 8 : 0) |
                                (left > 2 ? std::to_integer<std::uint32_t>(bytes[i + 2]) : 0);
    text[out++] = kAlphabet[group >> 18 & 63];
    text[out++] = kAlphabet[group >> 12 & 63];
    text[out++] = left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    text[out++] = left > 2 ? kAlphabet[group & 63] : '=';
  }
  return text;
}

namespace {
// Without white space between the characters.
std::optional<std::vector<std::byte>> decode_packed(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t digits = last ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::uint8_t value = k < digits ? kValues[static_cast<unsigned char>(text[i + k])] : 0;
      if (value == kInvalid) return std::nullopt;
      group = group << 6 | value;
    }
    bytes.push_back(static_cast<std::byte>(group >> 16));
    if (digits > 2) bytes.push_back(static_cast<std::byte>(group >> 8 & 0xff));
    if (digits > 3) bytes.push_back(static_cast<std::byte>(group & 0xff));
  }
  return bytes;
}

bool is_space(char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; }
}  // namespace

std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
  if (std::ranges::none_of(text, is_space)) return decode_packed(text);
  std::string packed;
  packed.reserve(text.size());
  std::ranges::copy_if(text, std::back_inserter(packed), std::not_fn(is_space));
  return decode_packed(packed);
}

}  // namespace forebay
