// Conversions between element types.
#include <fmt/format.h>

#include <bit>

#include "tensors/element_types.h"
#include "tensors/errors.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

namespace {

// Writes every element of `from` as To; the index of the first that does not fit, or the count.
template <class From, class To>
std::size_t convert_elements(const Tensor& from, std::span<std::byte> to) {
  const auto values = from.values<From>();
  To* out = reinterpret_cast<To*>(to.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!store_element(out[i], load_element(values[i]))) return i;
  }
  return values.size();
}

template <class From>
std::string element_text(const Tensor& tensor, std::size_t index) {
  return fmt::format("{}", load_element(tensor.values<From>()[index]));
}

}  // namespace

Result<Tensor> Tensor::converted_to(DType dtype) const {
  if (dtype == dtype_) return *this;
  if (dtype == DType::kString || dtype_ == DType::kString) {
    return fail(kTensorTypeMismatch, fmt::format("{} does not convert to {}", name_of(dtype_), name_of(dtype)));
  }
  Tensor converted = zeros(dtype, shape_);
  return with_element_type(dtype_, [&]<class From>() -> Result<Tensor> {
    const std::size_t done =
        with_element_type(dtype, [&]<class To>() { return convert_elements<From, To>(*this, converted.mutable_bytes()); });
    if (done == count_) return std::move(converted);
    return fail(kTensorValueOutOfRange,
                fmt::format("element {} is {}, which {} cannot hold", done, element_text<From>(*this, done), name_of(dtype)));
  });
}

// IEEE 754-2019 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
float float16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude >= 0x0400) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  // Subnormal: a multiple of 2^-24, exact as a float.
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
}

std::uint16_t float_to_float16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));  // NaN, made quiet
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and more round to infinity
  if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 puts the multiple of 2^-24 into the low bits, rounded to nearest even by the addition itself.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

// bfloat16 is the upper half of a float.
float bfloat16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

std::uint16_t float_to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);  // NaN, made quiet
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace forebay::tensors
