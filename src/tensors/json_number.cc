#include "tensors/json_number.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace forebay::tensors {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads digits into number.digits as long as 19 significant ones are not exceeded; the position after them.
std::size_t scan_digits(std::string_view text, std::size_t at, JsonNumber& number, int& significant) {
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (significant == 19) {
      number.exact = false;
      continue;
    }
    number.digits = number.digits * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (number.digits != 0) ++significant;
  }
  return at;
}

// "e+12" at `at`; npos when it is not complete.
std::size_t scan_exponent(std::string_view text, std::size_t at, JsonNumber& number) {
  constexpr std::int32_t kExponentMax = 100'000;  // far beyond any floating type; more digits change nothing
  ++at;
  bool negative = false;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) negative = text[at++] == '-';
  if (at >= text.size() || !is_digit(text[at])) return std::string_view::npos;
  std::int32_t written = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (written < kExponentMax) written = written * 10 + (text[at] - '0');
  }
  number.exponent += negative ? -written : written;
  if (written >= kExponentMax) number.exact = false;
  return at;
}

constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Clinger, "How to Read Floating Point Numbers Accurately" (1990): an integer and a power of ten that are both exact doubles
// give the correctly rounded result with one operation. Most numbers that people send are of this kind.
std::optional<double> to_double_at_once(const JsonNumber& number) {
  if (!number.exact || number.digits > (std::uint64_t{1} << 53) || number.exponent < -22 || number.exponent > 22) return std::nullopt;
  const double digits = static_cast<double>(number.digits);
  const double value = number.exponent < 0 ? digits / kPowersOfTen[static_cast<std::size_t>(-number.exponent)]
                                           : digits * kPowersOfTen[static_cast<std::size_t>(number.exponent)];
  return number.negative ? -value : value;
}

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
  if (at < text.size()) scan_exponent(text, at, exponent);
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

JsonNumber scan_json_number(std::string_view text) {
  JsonNumber number;
  std::size_t at = 0;
  if (text.starts_with('-')) {
    number.negative = true;
    ++at;
  }
  if (at >= text.size() || !is_digit(text[at])) return {};
  int significant = 0;
  const std::size_t first_digit = at;
  at = scan_digits(text, at, number, significant);
  if (text[first_digit] == '0' && at > first_digit + 1) return {};  // 01 is not JSON
  if (at < text.size() && text[at] == '.') {
    number.whole = false;
    const std::size_t first_decimal = ++at;
    at = scan_digits(text, at, number, significant);
    if (at == first_decimal) return {};
    // Wide fractions are inexact anyway, so the difference only counts where it fits.
    number.exponent = -static_cast<std::int32_t>(std::min<std::size_t>(at - first_decimal, 1'000'000));
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    number.whole = false;
    at = scan_exponent(text, at, number);
    if (at == std::string_view::npos) return {};
  }
  number.text = text.substr(0, at);
  return number;
}

double to_double(const JsonNumber& number) {
  if (const auto value = to_double_at_once(number)) return *value;
  return to_floating<double>(number);
}

float to_float(const JsonNumber& number) {
  if (const auto value = to_double_at_once(number)) {
    // Rounding twice is wrong only when the double lies in the middle between two floats; and subnormal floats are coarser.
    constexpr std::uint64_t kDropped = (std::uint64_t{1} << 29) - 1;
    const bool middle = (std::bit_cast<std::uint64_t>(*value) & kDropped) == (kDropped + 1) / 2;
    const double magnitude = std::fabs(*value);
    if (!middle && (magnitude == 0 || (magnitude >= 0x1p-126 && magnitude < 0x1p127))) return static_cast<float>(*value);
  }
  return to_floating<float>(number);
}

}  // namespace forebay::tensors
