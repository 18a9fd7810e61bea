#include "formats/protobuf_wire.h"

#include <limits>

namespace forebay::formats {

namespace {
constexpr std::uint32_t kFieldNumberMax = (1U << 29) - 1;
}

std::uint64_t read_varint(ByteReader& reader) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = reader.number<std::uint8_t>();
    if (reader.failed()) return 0;
    if (shift == 63 && byte > 1) break;  // More than 64 bits.
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  reader.set_failed();
  return 0;
}

bool WireReader::next(WireField& field) {
  if (reader_.at_end()) return false;
  const auto tag = read_varint(reader_);
  field = WireField{};
  if (reader_.failed() || tag >> 3 == 0 || tag >> 3 > kFieldNumberMax) {
    reader_.set_failed();
    return false;
  }
  field.number = static_cast<std::uint32_t>(tag >> 3);
  field.type = static_cast<WireType>(tag & 7);
  switch (field.type) {
    case WireType::kVarint:
      field.varint = read_varint(reader_);
      break;
    case WireType::kFixed64:
      field.varint = reader_.number<std::uint64_t>();
      break;
    case WireType::kFixed32:
      field.varint = reader_.number<std::uint32_t>();
      break;
    case WireType::kLengthDelimited:
      field.bytes = reader_.take(read_varint(reader_));
      break;
    default:
      reader_.set_failed();
  }
  return !reader_.failed();
}

bool append_varints(const WireField& field, std::size_t most, std::vector<std::int64_t>& numbers) {
  if (field.type == WireType::kVarint) {
    if (numbers.size() >= most) return false;
    numbers.push_back(static_cast<std::int64_t>(field.varint));
    return true;
  }
  if (!field.is_bytes()) return false;
  ByteReader reader(field.bytes);
  while (!reader.at_end()) {
    if (numbers.size() >= most) return false;
    numbers.push_back(static_cast<std::int64_t>(read_varint(reader)));
    if (reader.failed()) return false;
  }
  return !reader.failed();
}

bool count_numbers(const WireField& field, std::size_t width, std::uint64_t& count) {
  if (!field.is_bytes()) {
    const auto alone = width == 4 ? WireType::kFixed32 : width == 8 ? WireType::kFixed64 : WireType::kVarint;
    if (field.type != alone) return false;
    ++count;
    return true;
  }
  if (width != 0) {
    count += field.bytes.size() / width;
    return field.bytes.size() % width == 0;
  }
  // A varint ends at its first byte without the continuation bit.
  std::size_t run = 0;
  for (const auto byte : field.bytes) {
    if (++run > 10) return false;
    if ((byte & std::byte{0x80}) == std::byte{0}) {
      ++count;
      run = 0;
    }
  }
  return run == 0;
}

void WireWriter::raw_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out_.push_back(static_cast<char>(value));
}

void WireWriter::varint(std::uint32_t field, std::uint64_t value) {
  raw_varint(std::uint64_t{field} << 3 | static_cast<std::uint64_t>(WireType::kVarint));
  raw_varint(value);
}

void WireWriter::fixed32(std::uint32_t field, float value) {
  raw_varint(std::uint64_t{field} << 3 | static_cast<std::uint64_t>(WireType::kFixed32));
  const auto bits = std::bit_cast<std::uint32_t>(value);
  out_.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

void WireWriter::copy(const WireField& field) {
  if (field.is_bytes()) return bytes(field.number, field.text());
  if (field.type == WireType::kVarint) return varint(field.number, field.varint);
  raw_varint(std::uint64_t{field.number} << 3 | static_cast<std::uint64_t>(field.type));
  const auto* bits = reinterpret_cast<const char*>(&field.varint);
  out_.append(bits, field.type == WireType::kFixed32 ? 4 : 8);
}

void WireWriter::bytes(std::uint32_t field, std::string_view value) {
  raw_varint(std::uint64_t{field} << 3 | static_cast<std::uint64_t>(WireType::kLengthDelimited));
  raw_varint(value.size());
  out_ += value;
}

}  // namespace forebay::formats
