#include <array>

#include "formats/onnx_model.h"

namespace forebay::formats {

namespace {
struct TypeRow {
  std::string_view name;
  std::uint32_t bits;
  std::optional<tensors::DType> dtype;
};
using tensors::DType;

constexpr TypeRow kRows[] = {
    {"undefined", 0, {}},
    {"float32", 32, DType::kFloat32},
    {"uint8", 8, DType::kUint8},
    {"int8", 8, DType::kInt8},
    {"uint16", 16, DType::kUint16},
    {"int16", 16, DType::kInt16},
    {"int32", 32, DType::kInt32},
    {"int64", 64, DType::kInt64},
    {"string", 0, DType::kString},
    {"bool", 8, DType::kBool},
    {"float16", 16, DType::kFloat16},
    {"float64", 64, DType::kFloat64},
    {"uint32", 32, DType::kUint32},
    {"uint64", 64, DType::kUint64},
    {"complex64", 64, {}},
    {"complex128", 128, {}},
    {"bfloat16", 16, DType::kBfloat16},
    {"float8e4m3fn", 8, {}},
    {"float8e4m3fnuz", 8, {}},
    {"float8e5m2", 8, {}},
    {"float8e5m2fnuz", 8, {}},
    {"uint4", 4, {}},
    {"int4", 4, {}},
    {"float4e2m1", 4, {}},
    {"float8e8m0", 8, {}},
    {"uint2", 2, {}},
    {"int2", 2, {}},
};

const TypeRow& row_of(OnnxType type) {
  const auto index = static_cast<std::size_t>(type);
  return kRows[index < std::size(kRows) ? index : 0];
}
}  // namespace

std::string_view name_of(OnnxType type) { return row_of(type).name; }
bool is_known(OnnxType type) { return &row_of(type) != &kRows[0]; }
std::uint32_t bits_of(OnnxType type) { return row_of(type).bits; }
std::optional<DType> dtype_of(OnnxType type) { return row_of(type).dtype; }

OnnxType onnx_type_of(DType dtype) {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].dtype == dtype) return static_cast<OnnxType>(i);
  }
  return OnnxType::kUndefined;
}

}  // namespace forebay::formats
