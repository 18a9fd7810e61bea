#include "base/digest.h"

#include <fmt/format.h>
#include <sodium.h>

#include <fstream>
#include <vector>

#include "base/errors.h"

namespace forebay {

struct Digester::State {
  crypto_generichash_state library;
};

Digester::Digester() : state_(std::make_unique<State>()) {
  static const bool kChosen = sodium_init() >= 0;  // the fastest way that this processor knows
  static_cast<void>(kChosen);
  crypto_generichash_init(&state_->library, nullptr, 0, sizeof(Digest));
}
Digester::~Digester() = default;
Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;

Digester& Digester::add(std::span<const std::byte> bytes) {
  crypto_generichash_update(&state_->library, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return *this;
}

Digester& Digester::add_text(std::string_view text) {
  const std::uint64_t length = text.size();
  return add(std::as_bytes(std::span(&length, 1))).add(std::as_bytes(std::span(text)));
}

Digest Digester::finish() {
  Digest digest;
  crypto_generichash_final(&state_->library, reinterpret_cast<unsigned char*>(digest.data()), digest.size());
  return digest;
}

Digest digest_of(std::span<const std::byte> bytes) { return Digester().add(bytes).finish(); }

Result<Digest> digest_of_file(const std::filesystem::path& path) {
  constexpr std::size_t kPiece = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::error_code ignored;
    const bool exists = std::filesystem::exists(path, ignored);
    return fail(exists ? kFileNotReadable : kFileNotFound, fmt::format("cannot open '{}'", path.string()));
  }
  Digester digester;
  std::vector<char> piece(kPiece);
  while (file.read(piece.data(), kPiece) || file.gcount() > 0)
    digester.add(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(file.gcount()))));
  if (file.bad() || !file.eof()) return fail(kFileNotReadable, fmt::format("'{}' could not be read to its end", path.string()));
  return digester.finish();
}

bool equal_in_constant_time(const Digest& a, const Digest& b) { return sodium_memcmp(a.data(), b.data(), a.size()) == 0; }

std::string to_hex(const Digest& digest) {
  std::string text;
  for (const std::byte byte : digest) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

}  // namespace forebay
