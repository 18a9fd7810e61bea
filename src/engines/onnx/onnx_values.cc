#include "engines/onnx/onnx_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "engines/errors.h"

namespace forebay::engines {

using tensors::DType;
using tensors::Shape;
using tensors::Tensor;

namespace {
constexpr std::pair<DType, ONNXTensorElementDataType> kTypes[] = {
    {DType::kBool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},         {DType::kUint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {DType::kUint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},     {DType::kUint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {DType::kUint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},     {DType::kInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {DType::kInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},       {DType::kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {DType::kInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},       {DType::kFloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {DType::kBfloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16}, {DType::kFloat32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {DType::kFloat64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},    {DType::kString, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING},
};

std::unexpected<Error> unsupported(const std::string& name, std::string_view what) {
  return fail(Error(kOutputUnsupported, fmt::format("output '{}' is {}", name, what)).with_field(name));
}

const Ort::MemoryInfo& cpu_memory() {
  static const Ort::MemoryInfo kMemory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  return kMemory;
}

Ort::Value string_value_of(const Tensor& tensor) {
  Ort::AllocatorWithDefaultOptions allocator;
  Ort::Value value =
      Ort::Value::CreateTensor(allocator, tensor.shape().data(), tensor.shape().size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
  std::size_t index = 0;
  for (const std::string& text : tensor.strings()) {
    // By length, so that a zero byte inside stays.
    char* buffer = value.GetResizedStringTensorElementBuffer(index++, text.size());
    std::memcpy(buffer, text.data(), text.size());
  }
  return value;
}

std::vector<std::string> strings_of(const Ort::Value& value, std::size_t count) {
  std::string all(value.GetStringTensorDataLength(), '\0');
  std::vector<std::size_t> offsets(count);
  if (count == 0) return {};
  value.GetStringTensorContent(all.data(), all.size(), offsets.data(), offsets.size());
  std::vector<std::string> strings(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? offsets[i + 1] : all.size();
    strings[i] = all.substr(offsets[i], end - offsets[i]);
  }
  return strings;
}

Result<Tensor> tensor_of_tensor(const std::string& name, Ort::Value value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const auto dtype = dtype_of(info.GetElementType());
  if (!dtype) return unsupported(name, "of an element type that Forebay has no tensors of");
  Shape shape = info.GetShape();
  const std::size_t count = info.GetElementCount();
  if (*dtype == DType::kString) return Tensor::from_strings(std::move(shape), strings_of(value, count));
  const auto* first = static_cast<const std::byte*>(value.GetTensorRawData());
  const std::span<const std::byte> bytes(first, count * tensors::element_bytes(*dtype));
  return Tensor::view(*dtype, std::move(shape), bytes, std::make_shared<Ort::Value>(std::move(value)));
}

// One row of a ZipMap: its keys, as text and as numbers, and its values.
struct MapRow {
  Tensor keys;
  Tensor values;
};

Result<MapRow> map_row_of(const std::string& name, const Ort::Value& map) {
  Ort::AllocatorWithDefaultOptions allocator;
  TRY_ASSIGN(Tensor keys, tensor_of_tensor(name, map.GetValue(0, allocator)));
  TRY_ASSIGN(Tensor values, tensor_of_tensor(name, map.GetValue(1, allocator)));
  const bool known_keys = keys.dtype() == DType::kString || keys.dtype() == DType::kInt64;
  if (!known_keys || values.dtype() == DType::kString || keys.size() != values.size())
    return unsupported(name, "a map of unusual keys or values");
  return MapRow{std::move(keys), std::move(values)};
}

// The places of the row's keys in ascending order: by number, or by bytes.
std::vector<std::size_t> ascending(const Tensor& keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&keys](std::size_t a, std::size_t b) {
    return keys.dtype() == DType::kString ? keys.strings()[a] < keys.strings()[b]
                                          : keys.values<std::int64_t>()[a] < keys.values<std::int64_t>()[b];
  });
  return order;
}

bool same_keys(const MapRow& a, const std::vector<std::size_t>& order_a, const MapRow& b, const std::vector<std::size_t>& order_b) {
  if (a.keys.dtype() != b.keys.dtype() || a.keys.size() != b.keys.size() || a.values.dtype() != b.values.dtype()) return false;
  for (std::size_t i = 0; i < order_a.size(); ++i) {
    const bool same = a.keys.dtype() == DType::kString
                          ? a.keys.strings()[order_a[i]] == b.keys.strings()[order_b[i]]
                          : a.keys.values<std::int64_t>()[order_a[i]] == b.keys.values<std::int64_t>()[order_b[i]];
    if (!same) return false;
  }
  return true;
}

Result<Tensor> table_of(const std::string& name, const std::vector<MapRow>& rows) {
  if (rows.empty()) return Tensor::zeros(DType::kFloat32, {0, 0});
  const auto first_order = ascending(rows.front().keys);
  const std::size_t columns = first_order.size();
  Tensor table = Tensor::zeros(rows.front().values.dtype(), {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)});
  const std::size_t width = tensors::element_bytes(table.dtype());
  std::byte* to = table.mutable_bytes().data();
  for (const MapRow& row : rows) {
    const auto order = ascending(row.keys);
    if (!same_keys(rows.front(), first_order, row, order)) return unsupported(name, "a sequence of maps with different keys");
    for (const std::size_t place : order) {
      std::memcpy(to, row.values.bytes().data() + place * width, width);
      to += width;
    }
  }
  return table;
}

Result<Tensor> tensor_of_sequence(const std::string& name, const Ort::Value& sequence) {
  Ort::AllocatorWithDefaultOptions allocator;
  std::vector<MapRow> rows;
  std::vector<Tensor> parts;
  const std::size_t count = sequence.GetCount();
  for (std::size_t i = 0; i < count; ++i) {
    Ort::Value element = sequence.GetValue(static_cast<int>(i), allocator);
    const ONNXType kind = element.GetTypeInfo().GetONNXType();
    if (kind == ONNX_TYPE_MAP) {
      TRY_ASSIGN(MapRow row, map_row_of(name, element));
      rows.push_back(std::move(row));
    } else if (kind == ONNX_TYPE_TENSOR) {
      TRY_ASSIGN(Tensor part, tensor_of_tensor(name, std::move(element)));
      Shape stacked = part.shape();
      stacked.insert(stacked.begin(), 1);
      TRY_ASSIGN(Tensor with_row, part.reshaped(std::move(stacked)));
      parts.push_back(std::move(with_row));
    } else {
      return unsupported(name, "a sequence of something other than tensors or maps");
    }
  }
  if (parts.empty()) return table_of(name, rows);
  auto together = Tensor::concatenate(parts);
  if (!together) return unsupported(name, "a sequence of tensors of different shapes");
  return together;
}
}  // namespace

ONNXTensorElementDataType onnx_type_of(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

std::optional<DType> dtype_of(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

Ort::Value value_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) return string_value_of(tensor);
  const std::span<const std::byte> bytes = tensor.bytes();
  const Shape& shape = tensor.shape();
  const auto type = onnx_type_of(tensor.dtype());
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % tensors::element_bytes(tensor.dtype()) == 0;
  if (!aligned || bytes.empty()) {
    Ort::AllocatorWithDefaultOptions allocator;
    Ort::Value value = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), type);
    if (!bytes.empty()) std::memcpy(value.GetTensorMutableRawData(), bytes.data(), bytes.size());
    return value;
  }
  // The library takes inputs as mutable and does not change them.
  return Ort::Value::CreateTensor(cpu_memory(), const_cast<std::byte*>(bytes.data()), bytes.size(), shape.data(), shape.size(), type);
}

Result<Tensor> tensor_of(const std::string& name, Ort::Value value) {
  if (value.IsTensor()) return tensor_of_tensor(name, std::move(value));  // asking for the type info first would allocate
  if (!value.HasValue()) return unsupported(name, "an optional without a value");
  switch (value.GetTypeInfo().GetONNXType()) {
    case ONNX_TYPE_SEQUENCE:
      return tensor_of_sequence(name, value);
    case ONNX_TYPE_MAP: {
      std::vector<MapRow> rows;
      TRY_ASSIGN(MapRow row, map_row_of(name, value));
      rows.push_back(std::move(row));
      return table_of(name, rows);
    }
    default:
      return unsupported(name, "neither a tensor, a sequence nor a map");
  }
}

}  // namespace forebay::engines
