#include "text/charsmap.h"

#include <cstring>

#include "base/base64.h"
#include "text/errors.h"
#include "text/stream_text.h"
#include "text/unicode_text.h"

namespace forebay::text {

namespace {
// The reference tries a whole grapheme cluster only below this size.
constexpr std::size_t kClusterBytesMax = 5;

bool has_leaf(std::uint32_t unit) { return (unit >> 8U & 1U) == 1; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFU; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FFU; }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10U) << ((unit & 0x200U) >> 6U); }
}  // namespace

Result<Charsmap> Charsmap::read(std::string_view base64) {
  const auto bytes = decode_base64(base64);
  if (!bytes) return fail(kTokenizerInvalid, "the precompiled character map is not base64");
  Charsmap map;
  if (bytes->empty()) return map;
  std::uint32_t size = 0;
  if (bytes->size() < sizeof size) return fail(kTokenizerInvalid, "the precompiled character map is cut off");
  std::memcpy(&size, bytes->data(), sizeof size);
  if (size % sizeof(std::uint32_t) != 0 || size > bytes->size() - sizeof size)
    return fail(kTokenizerInvalid, "the trie of the precompiled character map is larger than the map");
  map.units_.resize(size / sizeof(std::uint32_t));
  if (size > 0) std::memcpy(map.units_.data(), bytes->data() + sizeof size, size);
  const auto* rest = reinterpret_cast<const char*>(bytes->data()) + sizeof size + size;
  map.replacements_.assign(rest, bytes->size() - sizeof size - size);
  return map;
}

std::optional<std::string_view> Charsmap::replacement(std::string_view text) const {
  if (units_.empty()) return std::nullopt;
  std::size_t node = offset_of(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return std::nullopt;
    node ^= byte;
    if (node >= units_.size() || label_of(units_[node]) != byte) return std::nullopt;
    const std::uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return std::nullopt;
    const std::size_t begin = value_of(units_[node]);
    if (begin >= replacements_.size()) return std::nullopt;
    const auto found = std::string_view(replacements_).substr(begin);
    return found.substr(0, found.find('\0'));
  }
  return std::nullopt;
}

std::string Charsmap::apply(std::string_view text) const {
  std::string mapped;
  mapped.reserve(text.size());
  const auto borders = unicode::grapheme_borders(text);
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    const auto cluster = text.substr(borders[i], borders[i + 1] - borders[i]);
    if (cluster.size() <= kClusterBytesMax) {
      if (const auto whole = replacement(cluster)) {
        mapped += *whole;
        continue;
      }
    }
    for (std::size_t at = 0; at < cluster.size();) {
      const auto character = cluster.substr(at, unicode::length_at(cluster, at));
      mapped += replacement(character).value_or(character);
      at += character.size();
    }
  }
  // A damaged map may cut a character: the rest of the pipeline needs well-formed text.
  return is_valid_utf8(mapped) ? mapped : std::string(text);
}

}  // namespace forebay::text
