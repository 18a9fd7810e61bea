// A number as JSON writes it: scanned once, then made a double, a float or an integer.
// Inline, because a tensor request is little else: 784 floats in 10 us leave 13 ns for each.
// Threads: immutable. Owner: array_json; nobody above includes it.
#pragma once

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace forebay::tensors {

struct JsonNumber {
  std::string_view text;      // empty: no number starts here
  std::uint64_t digits = 0;   // all digits as one integer, where `exact`
  std::int64_t exponent = 0;  // of ten
  bool negative = false;
  bool whole = true;  // no fraction and no exponent is written
  bool exact = true;  // at most 19 digits, so `digits` and `exponent` say it all
};

// What is called out of line takes no reference to a JsonNumber: it lives in registers then, and its flags are not read back from memory
// before they have arrived there.

struct JsonExponent {
  const char* end = nullptr;  // after it; null when it is not complete
  std::int64_t value = 0;
};
// Reads "e+12" at `at`.
JsonExponent scan_exponent(const char* at, const char* last);
// Correctly rounded for every number that scan_json_number() found; infinite when it is too large, zero when it is too small.
double to_double_carefully(std::string_view number);
float to_float_carefully(std::string_view number);

[[gnu::always_inline]] inline const char* scan_digits(const char* at, const char* last, std::uint64_t& digits) {
  for (; at != last; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at) - unsigned{'0'};
    if (digit > 9) break;
    digits = digits * 10 + digit;
  }
  return at;
}

// The same for many digits, eight at a time: how many of the next eight bytes are digits is one subtraction and one addition without
// carries, and their value three multiplications (Lemire, "Quickly parsing eight digits", 2018, for little-endian machines).
[[gnu::always_inline]] inline const char* scan_many_digits(const char* at, const char* last, std::uint64_t& digits) {
  static_assert(std::endian::native == std::endian::little);
  static constexpr std::array<std::uint32_t, 9> kShift = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
  while (last - at >= 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    const std::uint64_t values = bytes - 0x3030303030303030;
    const std::uint64_t others = ((bytes + 0x4646464646464646) | values) & 0x8080808080808080;
    const int count = std::countr_zero(others) / 8;
    if (count == 0) return at;  // The shift below would be by 64.
    std::uint64_t block = values << (64 - 8 * count);
    block = block * 10 + (block >> 8);
    block = ((block & 0x000000ff000000ff) * 0x000f424000000064 + ((block >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >> 32;
    digits = digits * kShift[static_cast<std::size_t>(count)] + block;
    at += count;
    if (count < 8) return at;
  }
  return scan_digits(at, last, digits);
}

// The longest number at the start of `text`. Always inlined: returned through memory, half of the time goes into waiting for it.
[[gnu::always_inline]] inline JsonNumber scan_json_number(std::string_view text) {
  const char* const first = text.data();
  const char* const last = first + text.size();
  JsonNumber number;
  const char* at = first;
  if (at != last && *at == '-') {
    number.negative = true;
    ++at;
  }
  const char* const first_digit = at;
  at = scan_digits(at, last, number.digits);
  std::int64_t count = at - first_digit;
  if (count == 0 || (count > 1 && *first_digit == '0')) return {};  // 01 is not JSON
  if (at != last && *at == '.') {
    const char* const first_decimal = ++at;
    at = scan_many_digits(at, last, number.digits);
    if (at == first_decimal) return {};
    number.whole = false;
    number.exponent = first_decimal - at;
    count += at - first_decimal;
  }
  number.exact = count <= 19;
  if (at != last && (*at == 'e' || *at == 'E')) {
    const JsonExponent exponent = scan_exponent(at, last);
    if (exponent.end == nullptr) return {};
    at = exponent.end;
    number.exponent += exponent.value;
    number.whole = false;
  }
  number.text = text.substr(0, static_cast<std::size_t>(at - first));
  return number;
}

// Clinger, "How to Read Floating Point Numbers Accurately" (1990): an integer and a power of ten that are both exact doubles
// give the correctly rounded result with one operation. Most numbers that people send are of this kind; NaN for the others.
[[gnu::always_inline]] inline double to_double_at_once(const JsonNumber& number) {
  static constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                          1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const bool easy = number.exact && number.digits <= (std::uint64_t{1} << 53) && number.exponent >= -22 && number.exponent <= 22;
  if (!easy) return std::numeric_limits<double>::quiet_NaN();
  const double digits = static_cast<double>(static_cast<std::int64_t>(number.digits));
  const double value = number.exponent < 0 ? digits / kPowersOfTen[static_cast<std::size_t>(-number.exponent)]
                                           : digits * kPowersOfTen[static_cast<std::size_t>(number.exponent)];
  return number.negative ? -value : value;
}

[[gnu::always_inline]] inline double to_double(const JsonNumber& number) {
  const double value = to_double_at_once(number);
  return std::isnan(value) ? to_double_carefully(number.text) : value;
}

[[gnu::always_inline]] inline float to_float(const JsonNumber& number) {
  const double value = to_double_at_once(number);
  // Rounding twice is wrong only when the double lies in the middle between two floats; and subnormal floats are coarser.
  constexpr std::uint64_t kDropped = (std::uint64_t{1} << 29) - 1;
  const bool middle = (std::bit_cast<std::uint64_t>(value) & kDropped) == (kDropped + 1) / 2;
  const double magnitude = std::fabs(value);
  if (!middle && ((magnitude >= 0x1p-126 && magnitude < 0x1p127) || magnitude == 0)) return static_cast<float>(value);
  return to_float_carefully(number.text);
}

// Whole numbers only; nothing when it is out of T's range.
template <class T>
std::optional<T> to_integer(const JsonNumber& number) {
  T value = 0;
  const char* const first = number.text.data();
  const char* const last = first + number.text.size();
  if (number.negative && number.exact && number.digits == 0) return T{0};  // "-0", which from_chars refuses for unsigned types
  const auto [end, error] = std::from_chars(first, last, value);
  if (error != std::errc() || end != last) return std::nullopt;
  return value;
}

}  // namespace forebay::tensors
