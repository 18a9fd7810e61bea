// The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/), as far as ONNX needs it.
// Our own because weights stay views into the mapped file (a library copies them, and stops at 2 GiB) and every count is bounded.
// Threads: confined to their holders. Owner: whoever parses or writes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/byte_reader.h"

namespace forebay::formats {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kGroupStart = 3, kGroupEnd = 4, kFixed32 = 5 };

// 0 and a failed reader when the number does not end within ten bytes.
std::uint64_t read_varint(ByteReader& reader);

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t varint = 0;          // of kVarint, kFixed32 and kFixed64
  std::span<const std::byte> bytes;  // of kLengthDelimited

  bool is_bytes() const { return type == WireType::kLengthDelimited; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

// The fields of one message, one after the other.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> message) : reader_(message) {}
  // False at the end, or after damage: ask failed(). Groups count as damage: ONNX has none.
  bool next(WireField& field);
  bool failed() const { return reader_.failed(); }

 private:
  ByteReader reader_;
};

// Appends one repeated number, packed or alone. False when it is damaged or would make more than `most` of them.
bool append_varints(const WireField& field, std::size_t most, std::vector<std::int64_t>& numbers);
// How many numbers of `width` bytes (0: varints) a repeated field holds. False when it is damaged.
bool count_numbers(const WireField& field, std::size_t width, std::uint64_t& count);

class WireWriter {
 public:
  void varint(std::uint32_t field, std::uint64_t value);
  void fixed32(std::uint32_t field, float value);
  void bytes(std::uint32_t field, std::string_view value);
  void copy(const WireField& field);
  void message(std::uint32_t field, const WireWriter& value) { bytes(field, value.out_); }
  const std::string& written() const { return out_; }

 private:
  void raw_varint(std::uint64_t value);
  std::string out_;
};

}  // namespace forebay::formats
