// A number in text as an element of a tensor.
// Threads: immutable. Owner: array_json and csv; nobody above includes it.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include "tensors/element_types.h"
#include "tensors/json_number.h"

namespace forebay::tensors {

// The number as a T that it is exactly, written with a point or an exponent: 1.0, 1e3, 9007199254740993.0.
template <class T>
bool store_whole(T& stored, const JsonNumber& number) {
  if (!number.exact) {
    const double value = to_double(number);
    const bool is_zero = number.text.substr(0, number.text.find_first_of("eE")).find_first_of("123456789") == std::string_view::npos;
    return std::fabs(value) <= 0x1p53 && (value != 0 || is_zero) && store_element(stored, value);
  }
  std::uint64_t magnitude = number.digits;
  for (std::int64_t exponent = number.exponent; magnitude != 0 && exponent != 0; exponent += exponent < 0 ? 1 : -1) {
    if (exponent < 0 && magnitude % 10 != 0) return false;
    if (exponent < 0)
      magnitude /= 10;
    else if (__builtin_mul_overflow(magnitude, std::uint64_t{10}, &magnitude))
      return false;
  }
  if (!number.negative) return store_element(stored, magnitude);
  constexpr std::uint64_t kLowest = std::uint64_t{1} << 63;
  if (magnitude > kLowest) return false;
  return store_element(stored, static_cast<std::int64_t>(-magnitude));
}

// The number as T, rounded once; false if T cannot hold it.
template <class T>
bool store_number(T& stored, const JsonNumber& number) {
  if constexpr (std::is_same_v<T, float>) {
    stored = to_float(number);
    return stored <= std::numeric_limits<float>::max() && stored >= std::numeric_limits<float>::lowest();
  } else if constexpr (std::is_integral_v<T>) {
    if (number.whole) {
      const auto value = to_integer<T>(number);
      if (value) stored = *value;
      return value.has_value();
    }
    return store_whole(stored, number);
  } else if constexpr (std::is_same_v<T, Bool>) {
    std::uint8_t bit = 0;
    return store_number(bit, number) && store_element(stored, bit);
  }
  const double value = to_double(number);
  return value <= std::numeric_limits<double>::max() && value >= std::numeric_limits<double>::lowest() && store_element(stored, value);
}

}  // namespace forebay::tensors
