#include "engines/onnx/row_quantization.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>

#include "engines/onnx/guard_kernel.h"

namespace forebay::engines {

namespace {
using guards::refuse;
using guards::Shape;

constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;

std::size_t row_length(const Shape& shape) {
  if (shape.empty()) refuse("a scalar has no rows");
  return static_cast<std::size_t>(shape.back());
}

constexpr std::uint8_t kZeroPoint = 128;
constexpr float kMost = 127.0F;
constexpr float kRounded = kZeroPoint + 0.5F;  // positive, so that cutting off the fraction rounds to the nearest

// Returns the scale. A row that is not finite has the scale NaN, so that nothing of it looks right. Loops over integers and without early
// ends, which compilers turn into vector instructions.
[[gnu::always_inline]] inline float quantize_row(const float* __restrict from, std::uint8_t* __restrict to, std::size_t length) {
  constexpr std::int32_t kMagnitude = 0x7fffffff;
  constexpr std::int32_t kInfinity = 0x7f800000;
  std::int32_t bits = 0;  // of the largest magnitude: these compare as the numbers do, and what is not finite is above all
  for (std::size_t i = 0; i < length; ++i) bits = std::max(bits, std::bit_cast<std::int32_t>(from[i]) & kMagnitude);
  const float largest = std::bit_cast<float>(bits);
  const bool finite = bits < kInfinity;
  const float inverse = finite && largest > 0 ? kMost / largest : 0.0F;
  if (finite) {
    for (std::size_t i = 0; i < length; ++i) to[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(from[i] * inverse + kRounded));
    return largest / kMost;
  }
  std::fill_n(to, length, kZeroPoint);
  return std::numeric_limits<float>::quiet_NaN();
}

[[gnu::always_inline]] inline void scale_row(const float* __restrict from, float factor, const float* __restrict bias, float* __restrict to,
                                             std::size_t length) {
  if (bias == nullptr)
    for (std::size_t i = 0; i < length; ++i) to[i] = from[i] * factor;
  else
    for (std::size_t i = 0; i < length; ++i) to[i] = from[i] * factor + bias[i];
}

// The loops above for the vector instructions of this processor. Chosen when first used: a resolver of the linker would run before the
// sanitizers are ready.
struct RowLoops {
  float (*quantize)(const float* from, std::uint8_t* to, std::size_t length);
  void (*scale)(const float* from, float factor, const float* bias, float* to, std::size_t length);
};

// NOLINTBEGIN(bugprone-macro-parentheses): an attribute is not an expression.
#define FOREBAY_ROW_LOOPS(NAME, ATTRIBUTE)                                                                                              \
  struct NAME {                                                                                                                         \
    ATTRIBUTE static float quantize(const float* from, std::uint8_t* to, std::size_t length) { return quantize_row(from, to, length); } \
    ATTRIBUTE static void scale(const float* from, float factor, const float* bias, float* to, std::size_t length) {                    \
      scale_row(from, factor, bias, to, length);                                                                                        \
    }                                                                                                                                   \
  }

FOREBAY_ROW_LOOPS(CommonLoops, );
#if defined(__x86_64__)
FOREBAY_ROW_LOOPS(Avx2Loops, [[gnu::target("avx2")]]);
FOREBAY_ROW_LOOPS(Avx512Loops, [[gnu::target("avx512f")]]);
#endif

// NOLINTEND(bugprone-macro-parentheses)

template <class Loops>
constexpr RowLoops loops_of() {
  return {Loops::quantize, Loops::scale};
}

const RowLoops& row_loops() {
  static const RowLoops kLoops = [] {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return loops_of<Avx512Loops>();
    if (__builtin_cpu_supports("avx2")) return loops_of<Avx2Loops>();
#endif
    return loops_of<CommonLoops>();
  }();
  return kLoops;
}

struct QuantizeRows {
  static constexpr std::string_view kName = kQuantizeRows;
  static constexpr ONNXTensorElementDataType kInputs[] = {kFloat};
  static constexpr ONNXTensorElementDataType kOutputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, kFloat};
  static constexpr auto kLast = INPUT_OUTPUT_REQUIRED;
  explicit QuantizeRows(const Ort::ConstKernelInfo&) {}

  void operator()(Ort::KernelContext& context) const {
    const auto x = context.GetInput(0);
    Shape shape = x.GetTensorTypeAndShapeInfo().GetShape();
    const std::size_t length = row_length(shape);
    const std::size_t count = x.GetTensorTypeAndShapeInfo().GetElementCount();
    auto* q = context.GetOutput(0, shape).GetTensorMutableData<std::uint8_t>();
    shape.back() = 1;
    auto* scale = context.GetOutput(1, shape).GetTensorMutableData<float>();
    const auto* from = x.GetTensorData<float>();
    const auto quantize = row_loops().quantize;
    for (std::size_t at = 0; at < count; at += length) *scale++ = quantize(from + at, q + at, length);
  }
};

struct ScaleRows {
  static constexpr std::string_view kName = kScaleRows;
  static constexpr ONNXTensorElementDataType kInputs[] = {kFloat, kFloat, kFloat};
  static constexpr ONNXTensorElementDataType kOutputs[] = {kFloat};
  static constexpr auto kLast = INPUT_OUTPUT_OPTIONAL;
  explicit ScaleRows(const Ort::ConstKernelInfo&) {}

  void operator()(Ort::KernelContext& context) const {
    const auto x = context.GetInput(0);
    const auto scale = context.GetInput(1);
    const Shape shape = x.GetTensorTypeAndShapeInfo().GetShape();
    const std::size_t length = row_length(shape);
    const std::size_t count = x.GetTensorTypeAndShapeInfo().GetElementCount();
    if (length == 0 || count / length != scale.GetTensorTypeAndShapeInfo().GetElementCount()) refuse("there is not one scale for each row");
    const bool has_bias = context.GetInputCount() > 2 && context.GetInput(2);
    if (has_bias && context.GetInput(2).GetTensorTypeAndShapeInfo().GetElementCount() != length) refuse("the bias does not fit the rows");
    const float* bias = has_bias ? context.GetInput(2).GetTensorData<float>() : nullptr;
    const auto* from = x.GetTensorData<float>();
    const auto* factor = scale.GetTensorData<float>();
    auto* to = context.GetOutput(0, shape).GetTensorMutableData<float>();
    const auto scale_one = row_loops().scale;
    for (std::size_t at = 0; at < count; at += length, ++factor) scale_one(from + at, *factor, bias, to + at, length);
  }
};
}  // namespace

OrtCustomOpDomain* rows_domain() {
  static Ort::CustomOpDomain* const kDomain = [] {
    auto* made = new Ort::CustomOpDomain(std::string(kRowsDomain).c_str());
    guards::add_to<QuantizeRows>(*made);
    guards::add_to<ScaleRows>(*made);
    return made;
  }();
  return *kDomain;
}

}  // namespace forebay::engines
