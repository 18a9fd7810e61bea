// A number as JSON writes it: scanned once, then made a double, a float or an integer.
// Threads: immutable. Owner: array_json; nobody above includes it.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace forebay::tensors {

struct JsonNumber {
  std::string_view text;         // empty: no number starts here
  std::uint64_t digits = 0;      // all digits as one integer, if at most 19 of them are significant
  std::int32_t exponent = 0;     // of ten
  bool negative = false;
  bool whole = true;             // no fraction and no exponent is written
  bool exact = true;             // `digits` and `exponent` say it all
};

// The longest number at the start of `text`.
JsonNumber scan_json_number(std::string_view text);

// Correctly rounded; infinite when it is too large, zero when it is too small.
double to_double(const JsonNumber& number);
float to_float(const JsonNumber& number);

// Whole numbers only; nothing when it is out of T's range.
template <class T>
std::optional<T> to_integer(const JsonNumber& number) {
  T value = 0;
  const char* first = number.text.data();
  const char* last = first + number.text.size();
  if (number.negative && number.exact && number.digits == 0) return T{0};  // "-0", which from_chars refuses for unsigned types
  const auto [end, error] = std::from_chars(first, last, value);
  if (error != std::errc() || end != last) return std::nullopt;
  return value;
}

}  // namespace forebay::tensors
