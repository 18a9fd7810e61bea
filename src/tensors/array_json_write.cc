// Tensors as JSON text.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "tensors/array_json.h"
#include "tensors/element_types.h"
#include "tensors/errors.h"
#include "tensors/json_string.h"
#include "tensors/utf8.h"

namespace forebay::tensors {

namespace {

template <class V>
void append_number(std::string& out, V value) {
  if constexpr (std::is_floating_point_v<V>) {
    if (!std::isfinite(value)) {
      out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
      return;
    }
  }
  std::array<char, 32> digits;  // The longest is -2.2250738585072014e-308 with 24 characters.
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end);
}

template <class T>
void append_run(std::string& out, const Tensor& tensor, std::size_t first, std::size_t count) {
  const auto values = tensor.values<T>().subspan(first, count);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    if constexpr (std::is_same_v<T, Bool>)
      out += values[i].byte != 0 ? "true" : "false";
    else
      append_number(out, load_element(values[i]));
  }
}

// Elements [first, first + count), with commas between them.
void append_elements(std::string& out, const Tensor& tensor, std::size_t first, std::size_t count) {
  if (tensor.dtype() == DType::kString) {
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out += ',';
      append_json_string(out, tensor.strings()[first + i]);
    }
    return;
  }
  with_element_type(tensor.dtype(), [&]<class T>() { append_run<T>(out, tensor, first, count); });
}

// As many brackets as dimensions begin or end at element `at`: those whose block of elements is a divisor of it.
std::size_t boundaries_at(const Shape& shape, std::size_t at) {
  std::size_t block = 1;
  std::size_t count = 0;
  for (std::size_t i = shape.size(); i-- > 0;) {
    block *= static_cast<std::size_t>(shape[i]);
    if (at % block != 0) break;
    ++count;
  }
  return count;
}

Result<> check_texts(const Tensor& tensor) {
  const auto bad = std::ranges::find_if_not(tensor.strings(), is_utf8);
  if (bad == tensor.strings().end()) return {};
  return fail(kArrayNotText, fmt::format("element {} is not UTF-8", bad - tensor.strings().begin()));
}

}  // namespace

Result<> append_json(std::string& out, const Tensor& tensor) {
  TRY(check_texts(tensor));
  const Shape& shape = tensor.shape();
  if (tensor.size() == 0) {
    out += "[]";
    return {};
  }
  const std::size_t row = shape.empty() ? 1 : static_cast<std::size_t>(shape.back());
  out.reserve(out.size() + tensor.size() * 4);
  for (std::size_t at = 0; at < tensor.size(); at += row) {
    if (at > 0) out += ',';
    out.append(boundaries_at(shape, at), '[');
    append_elements(out, tensor, at, row);
    out.append(boundaries_at(shape, at + row), ']');
  }
  return {};
}

Result<> append_json_flat(std::string& out, const Tensor& tensor) {
  TRY(check_texts(tensor));
  out += '[';
  append_elements(out, tensor, 0, tensor.size());
  out += ']';
  return {};
}

}  // namespace forebay::tensors
