// An ONNX file decoded into plain structures, as far as describing and checking it needs: field numbers are those of onnx.proto
// (ONNX 1.20). Threads: immutable after decoding. Owner: whoever decoded; all views live as long as the file's bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/read_model.h"
#include "tensors/tensor.h"

namespace forebay::formats {

// TensorProto.DataType.
enum class OnnxType : std::uint8_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3Fn = 17,
  kFloat8E4M3Fnuz = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2Fnuz = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26
};
std::string_view name_of(OnnxType type);
bool is_known(OnnxType type);                           // any but kUndefined and unassigned numbers
std::uint32_t bits_of(OnnxType type);                   // 0 for kString
std::optional<tensors::DType> dtype_of(OnnxType type);  // nothing for types a request cannot carry
OnnxType onnx_type_of(tensors::DType dtype);

struct OnnxTensor {
  std::string_view name;
  OnnxType type = OnnxType::kUndefined;
  std::vector<std::int64_t> dimensions;
  std::optional<std::span<const std::byte>> raw;
  // How many numbers lie in the typed fields float_data, int32_data, int64_data, double_data, uint64_data, and strings.
  std::uint64_t floats = 0, int32s = 0, int64s = 0, doubles = 0, uint64s = 0, strings = 0;
  std::uint64_t typed_bytes = 0;
  std::vector<std::int64_t> integers;  // the first few of int64_data or int32_data, where a shape may be stated
  std::vector<double> reals;           // the first few of float_data or double_data
  bool is_external = false;
  std::map<std::string_view, std::string_view> external;  // "location", "offset", "length"
};

// Values at the places that `indices` gives: one number (in row-major order) or one number for each dimension.
struct OnnxSparseTensor {
  OnnxTensor values, indices;  // all integers of `indices` are kept
  std::vector<std::int64_t> dimensions;
};

struct OnnxDimension {
  std::optional<std::int64_t> value;
  std::string_view name;
};

// A tensor, or a type around one, as far as inputs and outputs need it.
struct OnnxValueType {
  enum class Kind : std::uint8_t { kNone, kTensor, kSequence, kMap, kOptional, kSparse, kOther };
  Kind kind = Kind::kNone;
  OnnxType element = OnnxType::kUndefined;  // of a tensor; the key of a map
  bool has_shape = false;
  std::vector<OnnxDimension> shape;
  std::unique_ptr<OnnxValueType> inner;  // of a sequence, optional or map
};

struct OnnxValue {
  std::string_view name;
  OnnxValueType type;
};

struct OnnxGraph;

struct OnnxAttribute {
  std::string_view name;
  std::int64_t type = 0;            // AttributeProto.AttributeType, which the value agrees with
  std::string_view reference;       // inside a function: the attribute of the calling node that has the value
  std::vector<OnnxTensor> tensors;  // "t" and "tensors"
  std::vector<OnnxSparseTensor> sparse;
  std::vector<OnnxGraph> graphs;  // "g" and "graphs"
  std::vector<std::string_view> texts;
  std::vector<std::int64_t> integers;
  std::vector<float> reals;
};

struct OnnxNode {
  std::string_view name, op_type, domain, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<OnnxAttribute> attributes;

  const OnnxAttribute* attribute(std::string_view wanted) const;
};

struct OnnxGraph {
  std::string_view name;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initialisers;
  std::vector<OnnxSparseTensor> sparse_initialisers;
  std::vector<OnnxValue> inputs, outputs, values;  // `values` between them have a stated type
};

struct OnnxFunction {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxAttribute> defaults;
  std::map<std::string_view, std::int64_t> opsets;
};

struct OnnxModel {
  std::int64_t ir_version = 0;
  std::string_view producer, producer_version, domain, doc;
  std::map<std::string_view, std::int64_t> opsets;  // "" is "ai.onnx"
  std::map<std::string_view, std::string_view> metadata;
  std::optional<OnnxGraph> graph;
  std::vector<OnnxFunction> functions;
};

// kOnnxMalformed, kOnnxTooDeep, kOnnxLimitExceeded. Nothing is checked here but the form.
Result<OnnxModel> decode_onnx(std::span<const std::byte> bytes, const ReadLimits& limits);

}  // namespace forebay::formats
