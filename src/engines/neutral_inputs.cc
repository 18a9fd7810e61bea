#include "engines/neutral_inputs.h"

#include <algorithm>
#include <cstring>

namespace forebay::engines {

using tensors::DType;
using tensors::Tensor;

namespace {
template <class T>
void fill(Tensor& tensor, T value) {
  const auto bytes = tensor.mutable_bytes();
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) std::memcpy(bytes.data() + at, &value, sizeof(T));
}

void fill_with_ones(Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return fill(tensor, 1.0F);
    case DType::kFloat64:
      return fill(tensor, 1.0);
    case DType::kFloat16:
      return fill(tensor, tensors::float_to_float16(1.0F));
    case DType::kBfloat16:
      return fill(tensor, tensors::float_to_bfloat16(1.0F));
    default:
      break;
  }
  switch (tensors::element_bytes(tensor.dtype())) {
    case 1:
      return fill(tensor, std::uint8_t{1});
    case 2:
      return fill(tensor, std::uint16_t{1});
    case 4:
      return fill(tensor, std::uint32_t{1});
    case 8:
      return fill(tensor, std::uint64_t{1});
    default:
      return;
  }
}
}  // namespace

std::optional<tensors::NamedTensors> neutral_inputs(const formats::ModelDescription& description, NeutralValue value,
                                                    std::size_t elements_max, std::uint32_t rows) {
  tensors::NamedTensors inputs;
  for (const auto& input : description.inputs) {
    if (input.is_optional) continue;
    tensors::Shape shape = input.shape;
    if (description.batchable && !shape.empty()) shape.front() = rows;
    std::ranges::replace_if(shape, [](std::int64_t size) { return size < 0; }, 1);
    if (input.dtype == DType::kString || !tensors::element_count(shape, elements_max)) return std::nullopt;
    Tensor tensor = Tensor::zeros(input.dtype, shape);
    if (value == NeutralValue::kOne) fill_with_ones(tensor);
    inputs.push_back({input.name, std::move(tensor)});
  }
  return inputs;
}

}  // namespace forebay::engines
