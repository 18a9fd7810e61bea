// The layout of one GGUF file: metadata entries and tensors, every length and offset checked, nothing interpreted.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
// Threads: immutable after parsing. Owner: whoever parsed; all views live as long as the file's bytes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/gguf_tensor_types.h"
#include "formats/read_model.h"

namespace forebay::formats {

enum class GgufType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};
std::string_view name_of(GgufType type);

// A value as it lies in the file. Arrays stay unread: a vocabulary of 150,000 tokens costs nothing until someone walks it.
struct GgufValue {
  GgufType type = GgufType::kUint8;
  GgufType element_type = GgufType::kUint8;  // of an array
  std::uint64_t elements = 1;                // of an array
  std::span<const std::byte> bytes;          // the number's bytes, the string's characters, or the array's elements

  bool is_array_of(GgufType wanted) const { return type == GgufType::kArray && element_type == wanted; }
  std::optional<std::string_view> as_text() const;
  std::optional<std::int64_t> as_integer() const;  // any integer type or bool whose value fits
  std::optional<double> as_number() const;         // any integer or floating type
  // Element `index` of an array of integers; nothing for other arrays.
  std::optional<std::int64_t> integer_at(std::uint64_t index) const;
  // Up to `most` strings of an array of strings; its layout was checked when the file was parsed.
  std::vector<std::string_view> texts(std::size_t most) const;
};

struct GgufTensor {
  std::string_view name;
  const GgufTensorType* type = nullptr;
  std::array<std::uint64_t, 4> extents{1, 1, 1, 1};  // innermost first, as ggml's ne
  std::uint32_t rank = 0;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  // from the start of the data section
};
// "[64, 512]", innermost first, as llama.cpp prints it.
std::string shape_text(const GgufTensor& tensor);

struct GgufFile {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset = 0;
  std::map<std::string_view, GgufValue> metadata;
  std::vector<GgufTensor> tensors;  // in the order of the file
  std::map<std::string_view, std::size_t> tensor_index;

  const GgufValue* find(std::string_view key) const;
  const GgufTensor* tensor(std::string_view name) const;
};

// kGguf* codes of errors.h.
Result<GgufFile> parse_gguf(std::span<const std::byte> bytes, const ReadLimits& limits);

}  // namespace forebay::formats
