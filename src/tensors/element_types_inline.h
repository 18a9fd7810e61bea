// The body of store_element.
// Threads: immutable. Owner: element_types.h.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <utility>

#include "tensors/element_types.h"

namespace forebay::tensors {

// Rounds to odd: a further rounding to a type with at least two bits less gives what one rounding would have given
// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
inline float narrow_to_odd(double value) {
  float narrow = static_cast<float>(value);
  if (!std::isfinite(value) || static_cast<double>(narrow) == value) return narrow;
  if (std::fabs(static_cast<double>(narrow)) > std::fabs(value)) narrow = std::nextafter(narrow, 0.0f);
  std::uint32_t bits = std::bit_cast<std::uint32_t>(narrow) | 1;
  return std::bit_cast<float>(bits);
}

template <class T, class V>
bool store_integer(T& stored, V value) {
  if constexpr (std::floating_point<V>) {
    // Both ends are powers of two, so they are exact in V; the upper one is the first value that is too large.
    const V end = std::ldexp(V{1}, std::numeric_limits<T>::digits);
    const V begin = std::is_signed_v<T> ? -end : V{0};
    if (!(value >= begin && value < end) || value != std::trunc(value)) return false;
  } else {
    if (!std::in_range<T>(value)) return false;
  }
  stored = static_cast<T>(value);
  return true;
}

template <class T, class V>
bool store_element(T& stored, V value) {
  static_assert(std::is_arithmetic_v<V>);
  if constexpr (std::is_same_v<T, Bool>) {
    if (value != V{0} && value != V{1}) return false;
    stored.byte = value != V{0};
    return true;
  } else if constexpr (std::integral<T>) {
    return store_integer(stored, value);
  } else if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, Bfloat16>) {
    float narrow = 0;
    if constexpr (std::is_same_v<V, float>) narrow = value;
    else narrow = narrow_to_odd(static_cast<double>(value));
    stored.bits = std::is_same_v<T, Float16> ? float_to_float16(narrow) : float_to_bfloat16(narrow);
    return std::isfinite(load_element(stored)) || (std::floating_point<V> && !std::isfinite(static_cast<double>(value)));
  } else {
    stored = static_cast<T>(value);
    if constexpr (std::is_same_v<T, float> && std::is_same_v<V, double>) return std::isfinite(stored) || !std::isfinite(value);
    else return true;
  }
}

}  // namespace forebay::tensors
