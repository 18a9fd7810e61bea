#include "tensors/json_number.h"

#include <limits>

namespace forebay::tensors {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The power of ten just above the first significant digit: its sign tells too large from too small. Zero for zero.
std::int64_t decimal_magnitude(std::string_view text) {
  std::int64_t magnitude = 0;
  bool point = false;
  bool significant = false;
  std::size_t at = text.starts_with('-') ? 1 : 0;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    significant = significant || text[at] != '0';
    if (significant && !point) ++magnitude;
    if (!significant && point) --magnitude;
  }
  JsonNumber exponent;
  if (at < text.size()) scan_exponent(text.data() + at, text.data() + text.size(), exponent);
  return significant ? magnitude + exponent.exponent : 0;
}

template <class T>
T to_floating(const JsonNumber& number) {
  T value = 0;
  const auto [end, error] = std::from_chars(number.text.data(), number.text.data() + number.text.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = decimal_magnitude(number.text) > 0 ? std::numeric_limits<T>::infinity() : T{0};
    if (number.negative) value = -value;
  }
  return value;
}

}  // namespace

const char* scan_exponent(const char* at, const char* last, JsonNumber& number) {
  constexpr std::int64_t kExponentMax = 1'000'000'000'000;  // longer than any text is; more digits change nothing
  number.whole = false;
  ++at;
  bool negative = false;
  if (at != last && (*at == '+' || *at == '-')) negative = *at++ == '-';
  if (at == last || !is_digit(*at)) return nullptr;
  std::int64_t written = 0;
  for (; at != last && is_digit(*at); ++at) {
    if (written < kExponentMax) written = written * 10 + (*at - '0');
  }
  number.exponent += negative ? -written : written;
  return at;
}

double to_double_carefully(const JsonNumber& number) { return to_floating<double>(number); }
float to_float_carefully(const JsonNumber& number) { return to_floating<float>(number); }

}  // namespace forebay::tensors
