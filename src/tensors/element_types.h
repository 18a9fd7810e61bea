// From a DType at run time to a C++ type at compile time.
// Threads: immutable. Owner: the room; nobody above includes it.
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <utility>

#include "tensors/tensor.h"

namespace forebay::tensors {

// Storage types of the halves and of bool, which has one byte that is 0 or 1.
struct Float16 {
  std::uint16_t bits;
};
struct Bfloat16 {
  std::uint16_t bits;
};
struct Bool {
  std::uint8_t byte;
};

template <class T>
inline constexpr bool kIsFloating = std::is_floating_point_v<T> || std::is_same_v<T, Float16> || std::is_same_v<T, Bfloat16>;

// Calls visit.template operator()<T>() with the storage type of `dtype`, which must not be kString.
template <class Visit>
decltype(auto) with_element_type(DType dtype, Visit visit) {
  switch (dtype) {
    case DType::kBool:
      return visit.template operator()<Bool>();
    case DType::kUint8:
      return visit.template operator()<std::uint8_t>();
    case DType::kUint16:
      return visit.template operator()<std::uint16_t>();
    case DType::kUint32:
      return visit.template operator()<std::uint32_t>();
    case DType::kUint64:
      return visit.template operator()<std::uint64_t>();
    case DType::kInt8:
      return visit.template operator()<std::int8_t>();
    case DType::kInt16:
      return visit.template operator()<std::int16_t>();
    case DType::kInt32:
      return visit.template operator()<std::int32_t>();
    case DType::kInt64:
      return visit.template operator()<std::int64_t>();
    case DType::kFloat16:
      return visit.template operator()<Float16>();
    case DType::kBfloat16:
      return visit.template operator()<Bfloat16>();
    case DType::kFloat32:
      return visit.template operator()<float>();
    case DType::kFloat64:
      return visit.template operator()<double>();
    case DType::kString:
      break;
  }
  std::abort();  // Strings have no element type; every caller has turned them away.
}

// The value as an arithmetic type that holds it exactly: halves as float, bool as 0 or 1.
template <class T>
auto load_element(T stored) {
  if constexpr (std::is_same_v<T, Float16>)
    return float16_to_float(stored.bits);
  else if constexpr (std::is_same_v<T, Bfloat16>)
    return bfloat16_to_float(stored.bits);
  else if constexpr (std::is_same_v<T, Bool>)
    return stored.byte;
  else
    return stored;
}

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

// `value` (an arithmetic type) as T, rounded to nearest once (integers beyond 2^53 twice, for the halves). False when it has no
// place in T: outside the range, a fraction for an integer, a finite number that would become infinite. NaN and infinities pass
// between floating types.
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
    if constexpr (std::is_same_v<V, float>)
      narrow = value;
    else
      narrow = narrow_to_odd(static_cast<double>(value));
    stored.bits = std::is_same_v<T, Float16> ? float_to_float16(narrow) : float_to_bfloat16(narrow);
    return std::isfinite(load_element(stored)) || (std::floating_point<V> && !std::isfinite(static_cast<double>(value)));
  } else {
    stored = static_cast<T>(value);
    if constexpr (std::is_same_v<T, float> && std::is_same_v<V, double>)
      return std::isfinite(stored) || !std::isfinite(value);
    else
      return true;
  }
}

}  // namespace forebay::tensors
