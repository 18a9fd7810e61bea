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
  const JsonExponent exponent = at < text.size() ? scan_exponent(text.data() + at, text.data() + text.size()) : JsonExponent{};
  return significant ? magnitude + exponent.value : 0;
}

template <class T>
T to_floating(std::string_view number) {
  T value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = decimal_magnitude(number) > 0 ? std::numeric_limits<T>::infinity() : T{0};
    if (number.starts_with('-')) value = -value;
  }
  return value;
}

}  // namespace

JsonExponent scan_exponent(const char* at, const char* last) {
  constexpr std::int64_t kExponentMax = 1'000'000'000'000;  // longer than any text is; more digits change nothing
  ++at;
  bool negative = false;
  if (at != last && (*at == '+' || *at == '-')) negative = *at++ == '-';
  if (at == last || !is_digit(*at)) return {};
  std::int64_t written = 0;
  for (; at != last && is_digit(*at); ++at) {
    if (written < kExponentMax) written = written * 10 + (*at - '0');
  }
  return {.end = at, .value = negative ? -written : written};
}

double to_double_carefully(std::string_view number) { return to_floating<double>(number); }
float to_float_carefully(std::string_view number) { return to_floating<float>(number); }

}  // namespace forebay::tensors
