// A typed, shaped block of numbers (or strings), owned or viewed. Row-major, native byte order.
// Threads: immutable once shared. Owner: whoever holds it; a copy shares the bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::tensors {

enum class DType : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kBfloat16,
  kFloat32,
  kFloat64,
  kString
};

// "float32" in our own API; the Open Inference Protocol's word ("FP32", "BYTES") by oip_name.
std::string_view name_of(DType dtype);
std::string_view oip_name_of(DType dtype);
std::optional<DType> dtype_named(std::string_view name);  // either spelling
std::optional<DType> dtype_of_oip(std::string_view oip_name);
// Bytes of one element; 0 for kString.
std::size_t element_bytes(DType dtype);

using Shape = std::vector<std::int64_t>;
// "[1, 3, 224, 224]"; a negative dimension prints as "?".
std::string to_string(const Shape& shape);
// The product of the dimensions, 1 for rank 0; nothing if one is negative or the product exceeds `elements_max`.
std::optional<std::size_t> element_count(const Shape& shape, std::size_t elements_max = SIZE_MAX / 16);

class Tensor {
 public:
  // An empty float32 tensor of shape [0].
  Tensor();
  // Owned and zeroed (empty strings for kString). The shape must have a valid element count (see element_count).
  static Tensor zeros(DType dtype, Shape shape);
  // Takes the bytes over; their number must be element_count * element_bytes. kTensorSizeMismatch otherwise.
  static Result<Tensor> from_bytes(DType dtype, Shape shape, std::vector<std::byte> bytes);
  // Views memory that `keeper` keeps alive (a request body, an engine's output): no copy, unless the memory is not aligned for
  // the type. Same check; bytes of bools must be 0 or 1 (kTensorValueOutOfRange).
  static Result<Tensor> view(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> keeper);
  static Result<Tensor> from_strings(Shape shape, std::vector<std::string> strings);
  template <class T>
  static Tensor of(Shape shape, const std::vector<T>& values);  // for tests and small tables; sizes must agree

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::size_t size() const { return count_; }                        // elements
  std::span<const std::byte> bytes() const { return bytes_; }        // empty for kString
  std::span<const std::string> strings() const { return strings_; }  // empty for the others
  // The elements as T; sizeof(T) must be element_bytes(dtype()).
  template <class T>
  std::span<const T> values() const {
    return {reinterpret_cast<const T*>(bytes_.data()), count_};
  }
  // Writable while nobody else shares the bytes (just made by zeros or from_bytes).
  std::span<std::byte> mutable_bytes();

  // The same bytes with another shape of the same element count.
  Result<Tensor> reshaped(Shape shape) const;
  // Rows [first, first + count) of the first dimension, as a view; kTensorRowsOutOfRange. Rank must be >= 1.
  Result<Tensor> rows(std::size_t first, std::size_t count) const;
  // One tensor out of several that agree in dtype and in all dimensions but the first (kTensorShapeMismatch).
  static Result<Tensor> concatenate(std::span<const Tensor> parts);
  // Element by element, rounded to nearest. kTensorValueOutOfRange for what would change its value beyond rounding: outside
  // an integer's range, a fraction to an integer, anything but 0 and 1 to bool, a finite number that would become infinite.
  // Strings convert to nothing else (kTensorTypeMismatch).
  Result<Tensor> converted_to(DType dtype) const;

 private:
  DType dtype_ = DType::kFloat32;
  Shape shape_;
  std::size_t count_ = 0;
  std::span<const std::byte> bytes_;
  std::span<const std::string> strings_;
  std::shared_ptr<const void> keeper_;  // of the bytes or the strings
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};
using NamedTensors = std::vector<NamedTensor>;
const Tensor* find_tensor(const NamedTensors& tensors, std::string_view name);

// IEEE 754 binary16 and bfloat16; to nearest even, beyond the range to infinity, NaN stays NaN.
float float16_to_float(std::uint16_t bits);
std::uint16_t float_to_float16(float value);
float bfloat16_to_float(std::uint16_t bits);
std::uint16_t float_to_bfloat16(float value);

template <class T>
Tensor Tensor::of(Shape shape, const std::vector<T>& values) {
  constexpr DType kDtype = std::is_same_v<T, float>          ? DType::kFloat32
                           : std::is_same_v<T, double>       ? DType::kFloat64
                           : std::is_same_v<T, std::int64_t> ? DType::kInt64
                           : std::is_same_v<T, std::int32_t> ? DType::kInt32
                           : std::is_same_v<T, std::int8_t>  ? DType::kInt8
                                                             : DType::kUint8;
  Tensor tensor = zeros(kDtype, std::move(shape));
  const auto from = std::as_bytes(std::span(values));
  std::copy(from.begin(), from.end(), tensor.mutable_bytes().begin());
  return tensor;
}

}  // namespace forebay::tensors
