// From a DType at run time to a C++ type at compile time.
// Threads: immutable. Owner: the room; nobody above includes it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <type_traits>

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
    case DType::kBool: return visit.template operator()<Bool>();
    case DType::kUint8: return visit.template operator()<std::uint8_t>();
    case DType::kUint16: return visit.template operator()<std::uint16_t>();
    case DType::kUint32: return visit.template operator()<std::uint32_t>();
    case DType::kUint64: return visit.template operator()<std::uint64_t>();
    case DType::kInt8: return visit.template operator()<std::int8_t>();
    case DType::kInt16: return visit.template operator()<std::int16_t>();
    case DType::kInt32: return visit.template operator()<std::int32_t>();
    case DType::kInt64: return visit.template operator()<std::int64_t>();
    case DType::kFloat16: return visit.template operator()<Float16>();
    case DType::kBfloat16: return visit.template operator()<Bfloat16>();
    case DType::kFloat32: return visit.template operator()<float>();
    case DType::kFloat64: return visit.template operator()<double>();
    case DType::kString: break;
  }
  std::abort();  // Strings have no element type; every caller has turned them away.
}

// The value as an arithmetic type that holds it exactly: halves as float, bool as 0 or 1.
template <class T>
auto load_element(T stored) {
  if constexpr (std::is_same_v<T, Float16>) return float16_to_float(stored.bits);
  else if constexpr (std::is_same_v<T, Bfloat16>) return bfloat16_to_float(stored.bits);
  else if constexpr (std::is_same_v<T, Bool>) return stored.byte;
  else return stored;
}

// `value` (an arithmetic type) as T, rounded to nearest once. False when it has no place in T: outside the range, a fraction
// for an integer, a finite number that would become infinite. NaN and infinities pass between floating types.
template <class T, class V>
bool store_element(T& stored, V value);

}  // namespace forebay::tensors

#include "tensors/element_types_inline.h"
