// Reads little-endian numbers and byte runs out of memory that a stranger filled.
// Threads: confined to its holder. Owner: whoever parses; views it hands out live as long as the bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace forebay::formats {

// A read that does not fit fails, and so does every later one: parse a whole record, then ask failed() once. A failed number is 0,
// a failed run is empty. No sum of offset and length is ever formed, so none can overflow.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  bool at_end() const { return remaining() == 0; }
  bool failed() const { return failed_; }
  void set_failed() {
    failed_ = true;
    offset_ = bytes_.size();
  }

  std::span<const std::byte> take(std::uint64_t length) {
    if (failed_ || length > remaining()) {
      set_failed();
      return {};
    }
    const auto run = bytes_.subspan(offset_, static_cast<std::size_t>(length));
    offset_ += run.size();
    return run;
  }

  // `count` elements of `element_bytes` each.
  std::span<const std::byte> take(std::uint64_t count, std::size_t element_bytes) {
    if (element_bytes != 0 && count > remaining() / element_bytes) {
      set_failed();
      return {};
    }
    return take(count * element_bytes);
  }

  std::string_view take_text(std::uint64_t length) {
    const auto run = take(length);
    return {reinterpret_cast<const char*>(run.data()), run.size()};
  }

  template <class T>
  T number() {
    static_assert(std::is_arithmetic_v<T> && std::endian::native == std::endian::little);
    T value{};
    const auto run = take(sizeof(T));
    if (!run.empty()) std::memcpy(&value, run.data(), sizeof(T));
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

}  // namespace forebay::formats
