// Decodes what ONNX messages are made of: texts, numbers, tensors and types, within one budget.
// Threads: confined to one decoding. Owner: decode_onnx.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/onnx_model.h"
#include "formats/protobuf_wire.h"
#include "formats/read_model.h"

namespace forebay::formats {

std::unexpected<Error> onnx_malformed(std::string_view what);

class OnnxParts {
 public:
  static constexpr std::uint64_t kStructureWeight = 16;  // A node takes some 150 bytes, a name or number at most 16.

  explicit OnnxParts(const ReadLimits& limits) : limits_(limits) {}

  // Counts everything that takes memory of ours, so that a file of small fields cannot take a thousand times its size.
  Result<> count(std::uint64_t items = 1);
  Result<> text(const WireField& field, std::string_view what, std::string_view& into) const;
  Result<> texts(const WireField& field, std::string_view what, std::vector<std::string_view>& into);
  static Result<> number(const WireField& field, std::string_view what, std::int64_t& into);
  Result<> integers(const WireField& field, std::string_view what, std::vector<std::int64_t>& into);
  // Appends 32-bit numbers, packed or alone.
  Result<> reals(const WireField& field, std::string_view what, std::vector<float>& into);
  // A message of two texts, a key (1) and a value (2). A repeated key keeps its last value, as everywhere in protocol buffers.
  Result<> pair(const WireField& field, std::string_view what, std::map<std::string_view, std::string_view>& into);
  // Of an operator set: a domain (1) and its version (2).
  Result<> opset(const WireField& field, std::map<std::string_view, std::int64_t>& into);

  enum class Values : std::uint8_t { kSmall, kAll };  // which integers of a tensor are kept
  Result<OnnxTensor> tensor(std::span<const std::byte> bytes, Values kept = Values::kSmall);
  Result<OnnxSparseTensor> sparse(std::span<const std::byte> bytes);
  Result<> add_value(const WireField& field, std::vector<OnnxValue>& into);
  Result<OnnxValueType> type(std::span<const std::byte> bytes, std::uint32_t depth = 1);

 private:
  static Result<> element_type(const WireField& field, OnnxType& into);
  Result<> dimensions(const WireField& field, std::string_view what, std::vector<std::int64_t>& into) const;
  Result<> keep_integers(const WireField& field, Values kept, std::vector<std::int64_t>& into);
  Result<> inner_type(std::span<const std::byte> bytes, std::uint32_t wanted, std::uint32_t depth, OnnxValueType& into);
  Result<> tensor_type(std::span<const std::byte> bytes, OnnxValueType& into);
  Result<> shape(std::span<const std::byte> bytes, std::vector<OnnxDimension>& into);

  const ReadLimits& limits_;
  std::uint64_t items_ = 0;
};

}  // namespace forebay::formats
