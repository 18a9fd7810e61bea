#include "scheduling/length_rule.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace forebay::scheduling {

using tensors::DType;
using tensors::NamedTensor;
using tensors::NamedTensors;
using tensors::Tensor;

namespace {
// The only free dimension beside the first, with its symbol; nothing when there are none or several, or it has no symbol.
std::optional<std::size_t> free_axis(const formats::TensorSpec& spec) {
  std::optional<std::size_t> axis;
  for (std::size_t i = 1; i < spec.shape.size(); ++i) {
    if (spec.shape[i] >= 0) continue;
    if (axis || i >= spec.dimension_names.size() || spec.dimension_names[i].empty()) return std::nullopt;
    axis = i;
  }
  return axis;
}

std::size_t product(const tensors::Shape& shape, std::size_t from, std::size_t to) {
  std::size_t count = 1;
  for (std::size_t i = from; i < to; ++i) count *= static_cast<std::size_t>(shape[i]);
  return count;
}

template <class T>
bool close(std::span<const T> one, std::span<const T> other, double tolerance) {
  double largest = 1;
  for (const T value : one) largest = std::isfinite(value) ? std::max(largest, std::abs(static_cast<double>(value))) : largest;
  return std::ranges::equal(one, other, [&](T a, T b) {
    return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(static_cast<double>(a) - static_cast<double>(b)) <= tolerance * largest;
  });
}

bool same_bytes(std::span<const std::byte> one, std::span<const std::byte> other) { return std::ranges::equal(one, other); }
}  // namespace

std::optional<LengthRule> LengthRule::of(const formats::ModelDescription& description) {
  LengthRule rule;
  std::string symbol;
  bool has_mask = false;
  for (const auto& input : description.inputs) {
    const auto axis = free_axis(input);
    if (!axis || input.dtype == DType::kString || input.is_optional) return std::nullopt;
    if (!symbol.empty() && input.dimension_names[*axis] != symbol) return std::nullopt;
    symbol = input.dimension_names[*axis];
    has_mask |= input.name == "attention_mask";
    rule.inputs_.push_back({input.name, *axis});
  }
  if (!has_mask || !description.batchable) return std::nullopt;
  for (const auto& output : description.outputs) {
    if (!output.has_shape || output.dtype == DType::kString) return std::nullopt;
    for (std::size_t i = 1; i < output.shape.size(); ++i) {
      if (output.shape[i] >= 0) continue;
      // Any other free dimension may follow from the length in a way that we do not know.
      if (i >= output.dimension_names.size() || output.dimension_names[i] != symbol) return std::nullopt;
      rule.outputs_.push_back({output.name, i});
    }
  }
  return rule;
}

std::size_t LengthRule::length_of(const NamedTensors& inputs) const {
  std::int64_t length = 0;
  if (inputs.size() != inputs_.size()) return 0;
  for (const Axis& input : inputs_) {
    const Tensor* tensor = find_tensor(inputs, input.name);
    if (tensor == nullptr || input.axis >= tensor->shape().size()) return 0;
    const std::int64_t own = tensor->shape()[input.axis];
    if (own <= 0 || (length != 0 && own != length)) return 0;
    length = own;
  }
  return static_cast<std::size_t>(length);
}

// 16, 24, 32, 48, 64, 96, …: the next power of two, or three quarters of it.
std::size_t LengthRule::bucket_of(std::size_t length) {
  constexpr std::size_t kSmallest = 16;
  const std::size_t whole = std::max(kSmallest, std::bit_ceil(length));
  return whole > kSmallest && length <= whole / 4 * 3 ? whole / 4 * 3 : whole;
}

bool LengthRule::agree(const NamedTensors& one, const NamedTensors& other) const {
  return std::ranges::all_of(inputs_, [&](const Axis& input) {
    const Tensor& a = *find_tensor(one, input.name);
    const Tensor& b = *find_tensor(other, input.name);
    if (a.dtype() != b.dtype() || a.shape().size() != b.shape().size()) return false;
    for (std::size_t i = 1; i < a.shape().size(); ++i) {
      if (i != input.axis && a.shape()[i] != b.shape()[i]) return false;
    }
    return true;
  });
}

Result<NamedTensors> LengthRule::padded(const NamedTensors& inputs, std::size_t length) const {
  NamedTensors padded;
  for (const Axis& input : inputs_) {
    TRY_ASSIGN(auto tensor, resized(*find_tensor(inputs, input.name), input.axis, length), "padding input '" + input.name + "'");
    padded.push_back({input.name, std::move(tensor)});
  }
  return padded;
}

Result<NamedTensors> LengthRule::cut(const NamedTensors& outputs, std::size_t length) const {
  NamedTensors cut = outputs;
  for (const Axis& output : outputs_) {
    const auto place = std::ranges::find(cut, output.name, &NamedTensor::name);
    if (place == cut.end() || output.axis >= place->tensor.shape().size()) continue;
    TRY_ASSIGN(place->tensor, resized(place->tensor, output.axis, length), "cutting output '" + output.name + "'");
  }
  return cut;
}

Result<Tensor> resized(const Tensor& tensor, std::size_t axis, std::size_t size) {
  const auto& shape = tensor.shape();
  const auto old_size = static_cast<std::size_t>(shape[axis]);
  if (old_size == size) return tensor;
  const std::size_t outer = product(shape, 0, axis);
  const std::size_t inner = product(shape, axis + 1, shape.size()) * element_bytes(tensor.dtype());
  tensors::Shape wanted = shape;
  wanted[axis] = static_cast<std::int64_t>(size);
  std::vector<std::byte> bytes(outer * size * inner);
  for (std::size_t i = 0; i < outer; ++i)
    std::memcpy(bytes.data() + i * size * inner, tensor.bytes().data() + i * old_size * inner, std::min(size, old_size) * inner);
  return Tensor::from_bytes(tensor.dtype(), std::move(wanted), std::move(bytes));
}

bool nearly_same(const NamedTensors& one, const NamedTensors& other, double tolerance) {
  return std::ranges::equal(one, other, [tolerance](const NamedTensor& a, const NamedTensor& b) {
    if (a.name != b.name || a.tensor.dtype() != b.tensor.dtype() || a.tensor.shape() != b.tensor.shape()) return false;
    if (a.tensor.dtype() == DType::kFloat32) return close(a.tensor.values<float>(), b.tensor.values<float>(), tolerance);
    if (a.tensor.dtype() == DType::kFloat64) return close(a.tensor.values<double>(), b.tensor.values<double>(), tolerance);
    return same_bytes(a.tensor.bytes(), b.tensor.bytes());
  });
}

}  // namespace forebay::scheduling
