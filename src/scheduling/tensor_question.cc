#include "scheduling/tensor_question.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

namespace forebay::scheduling {

using tensors::NamedTensor;
using tensors::NamedTensors;
using tensors::Tensor;

namespace {
// Hashing runs at some GB/s: 64 KiB take about as long as everything else that a small request needs.
constexpr std::size_t kHashedWhole = std::size_t{64} << 10;
constexpr std::size_t kSamples = 512;
constexpr std::size_t kSampleBytes = 64;

void mix(std::size_t& hash, std::size_t with) { hash ^= with + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2); }
void mix(std::size_t& hash, std::string_view with) { mix(hash, std::hash<std::string_view>{}(with)); }

void mix_bytes(std::size_t& hash, std::string_view bytes) {
  if (bytes.size() <= kHashedWhole) return mix(hash, bytes);
  const std::size_t stride = (bytes.size() - kSampleBytes) / (kSamples - 1);
  for (std::size_t i = 0; i + 1 < kSamples; ++i) mix(hash, bytes.substr(i * stride, kSampleBytes));
  mix(hash, bytes.substr(bytes.size() - kSampleBytes));
}

std::string_view text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool identical(const Tensor& one, const Tensor& other) {
  if (one.dtype() != other.dtype() || one.shape() != other.shape()) return false;
  if (one.dtype() == tensors::DType::kString) return std::ranges::equal(one.strings(), other.strings());
  return text_of(one.bytes()) == text_of(other.bytes());
}
}  // namespace

std::size_t hash_of(const TensorQuestion& question) {
  std::size_t hash = question.inputs.size();
  mix(hash, static_cast<std::size_t>(question.scope));
  for (const NamedTensor& input : question.inputs) {
    mix(hash, input.name);
    mix(hash, static_cast<std::size_t>(input.tensor.dtype()));
    for (const auto dimension : input.tensor.shape()) mix(hash, static_cast<std::size_t>(dimension));
    mix_bytes(hash, text_of(input.tensor.bytes()));
    for (const auto& text : input.tensor.strings()) mix(hash, text);
  }
  for (const auto& output : question.outputs) mix(hash, output);
  return hash;
}

bool identical(const TensorQuestion& one, const TensorQuestion& other) {
  return one.scope == other.scope && one.outputs == other.outputs &&
         std::ranges::equal(one.inputs, other.inputs,
                            [](const NamedTensor& a, const NamedTensor& b) { return a.name == b.name && identical(a.tensor, b.tensor); });
}

std::size_t bytes_of(const NamedTensors& tensors) {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    bytes += sizeof(NamedTensor) + name.size() + tensor.shape().size() * sizeof(std::int64_t) + tensor.bytes().size();
    for (const auto& text : tensor.strings()) bytes += sizeof(std::string) + text.size();
  }
  return bytes;
}

NamedTensors own_copy(const NamedTensors& tensors) {
  NamedTensors copy;
  copy.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    auto own = tensor.dtype() == tensors::DType::kString
                   ? Tensor::from_strings(tensor.shape(), {tensor.strings().begin(), tensor.strings().end()})
                   : Tensor::from_bytes(tensor.dtype(), tensor.shape(), {tensor.bytes().begin(), tensor.bytes().end()});
    copy.push_back({name, own ? *std::move(own) : tensor});
  }
  return copy;
}

}  // namespace forebay::scheduling
