// Writes small GGUF files in memory, sound ones and ones that lie.
// Threads: confined to its holder. Owner: the test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace forebay::formats {

class GgufWriter {
 public:
  // Numbers of metadata types as they stand in a file.
  enum Type : std::uint32_t {
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

  std::uint32_t version = 3;
  std::uint64_t alignment = 32;  // what tensors are laid out by; write general.alignment yourself when it is another

  GgufWriter& text(std::string_view key, std::string_view value);
  GgufWriter& uint32(std::string_view key, std::uint32_t value);
  GgufWriter& int32(std::string_view key, std::int32_t value);
  GgufWriter& float32(std::string_view key, float value);
  GgufWriter& boolean(std::string_view key, std::uint8_t value);
  GgufWriter& texts(std::string_view key, const std::vector<std::string>& values);
  GgufWriter& float32s(std::string_view key, const std::vector<float>& values);
  GgufWriter& int32s(std::string_view key, const std::vector<std::int32_t>& values);
  // An entry with exactly these bytes after its type.
  GgufWriter& raw(std::string_view key, std::uint32_t type, std::string_view bytes);
  // The entry of this key, if written, is taken back.
  GgufWriter& without(std::string_view key);

  // A tensor of zero bytes with the right size, after the tensors before it. `type` is ggml's number: 0 is F32.
  GgufWriter& tensor(std::string_view name, const std::vector<std::uint64_t>& extents, std::uint32_t type = 0);
  // Changes what the tensor's entry says; its bytes stay.
  GgufWriter& retyped(std::string_view name, std::uint32_t type);
  GgufWriter& moved(std::string_view name, std::uint64_t offset);
  GgufWriter& reshaped(std::string_view name, const std::vector<std::uint64_t>& extents);
  GgufWriter& without_tensor(std::string_view name);

  // The header may claim other counts than were written.
  std::string bytes() const;
  std::string bytes_claiming(std::uint64_t tensors, std::uint64_t entries) const;

 private:
  struct Entry {
    std::string key;
    std::string bytes;  // type and value
  };
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> extents;
    std::uint32_t type;
    std::uint64_t offset;
  };
  Tensor& find(std::string_view name);

  std::vector<Entry> entries_;
  std::vector<Tensor> tensors_;
  std::uint64_t data_bytes_ = 0;
};

// Sound models with every tensor their architecture needs: 2 layers, embedding 8, 2 heads, feed-forward 16, context 32, 6 tokens.
GgufWriter tiny_llama();
GgufWriter tiny_bert();  // mean pooling
GgufWriter tiny_gpt2();

}  // namespace forebay::formats
