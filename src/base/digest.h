// Fingerprints of bytes: BLAKE2b with 256 bits (RFC 7693). Two contents with one fingerprint cannot be made.
// Threads: a Digester is confined to its owner; digests are plain values.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace forebay {

using Digest = std::array<std::byte, 32>;

class Digester {
 public:
  Digester();
  ~Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;
  Digester& add(std::span<const std::byte> bytes);
  // With its length in front: "ab", "c" is another content than "a", "bc".
  Digester& add_text(std::string_view text);
  Digest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest digest_of(std::span<const std::byte> bytes);
// Of a whole file's content; a gigabyte takes about a second. kFileNotFound, kFileNotReadable.
Result<Digest> digest_of_file(const std::filesystem::path& path);
// Takes the same time wherever they differ.
bool equal_in_constant_time(const Digest& a, const Digest& b);
std::string to_hex(const Digest& digest);

}  // namespace forebay
