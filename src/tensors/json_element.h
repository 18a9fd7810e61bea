// A number in text as an element of a tensor.
// Threads: immutable. Owner: array_json and csv; nobody above includes it.
#pragma once

#include <limits>
#include <type_traits>

#include "tensors/element_types.h"
#include "tensors/json_number.h"

namespace forebay::tensors {

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
  }
  const double value = to_double(number);
  return value <= std::numeric_limits<double>::max() && value >= std::numeric_limits<double>::lowest() && store_element(stored, value);
}

}  // namespace forebay::tensors
