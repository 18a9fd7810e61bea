#include "text/jinja_unicode.h"

#include <algorithm>
#include <cstring>

namespace forebay::text::jinja {

namespace {
bool is_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}
bool between(char32_t value, char32_t first, char32_t last) { return value >= first && value <= last; }
// Blocks where upper and lower case alternate, upper case on even code points.
bool alternates(char32_t c) {
  return between(c, 0x100, 0x137) || between(c, 0x14A, 0x177) || between(c, 0x460, 0x481) || between(c, 0x48A, 0x4BF) ||
         between(c, 0x4D0, 0x52F) || between(c, 0x1E00, 0x1E95) || between(c, 0x1EA0, 0x1EFF);
}
// The same with upper case on odd code points.
bool alternates_from_odd(char32_t c) { return between(c, 0x139, 0x148) || between(c, 0x179, 0x17E) || between(c, 0x4C1, 0x4CE); }
}  // namespace

CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {kInvalid, 1};
  char32_t value = lead & (0x7F >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text, at + i)) return {kInvalid, 1};
    value = (value << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  if (overlong || between(value, 0xD800, 0xDFFF) || value > 0x10FFFF) return {kInvalid, 1};
  return {value, bytes};
}

void append_code_point(std::string& text, char32_t value) {
  if (value < 0x80) {
    text += static_cast<char>(value);
  } else if (value < 0x800) {
    text += static_cast<char>(0xC0 | (value >> 6));
    text += static_cast<char>(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    text += static_cast<char>(0xE0 | (value >> 12));
    text += static_cast<char>(0x80 | ((value >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (value & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | (value >> 18));
    text += static_cast<char>(0x80 | ((value >> 12) & 0x3F));
    text += static_cast<char>(0x80 | ((value >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (value & 0x3F));
  }
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t count_code_points(std::string_view text) {
  if (is_ascii(text)) return text.size();
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += code_point_at(text, at).bytes) ++count;
  return count;
}

std::size_t byte_of(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  while (index > 0 && at < text.size()) {
    at += code_point_at(text, at).bytes;
    --index;
  }
  return at;
}

bool is_space(char32_t c) {
  return between(c, 0x09, 0x0D) || between(c, 0x1C, 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 || between(c, 0x2000, 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  return c >= 0x20 && !between(c, 0x7F, 0xA0) && c != 0xAD && !is_space(c) && !between(c, 0x200B, 0x200F) && !between(c, 0x202A, 0x202E) &&
         !between(c, 0x2060, 0x206F) && !between(c, 0xE000, 0xF8FF) && c != 0xFEFF && !between(c, 0xFFF0, 0xFFFB) &&
         !between(c, 0xFFFE, 0xFFFF) && c < 0xE0000;
}

bool is_letter(char32_t c) {
  if (c < 0x80) return between(c, 'a', 'z') || between(c, 'A', 'Z');
  return c == 0xAA || c == 0xB5 || c == 0xBA || (between(c, 0xC0, 0x2AF) && c != 0xD7 && c != 0xF7) || between(c, 0x388, 0x481) ||
         between(c, 0x48A, 0x52F) || between(c, 0x5D0, 0x5EA) || between(c, 0x620, 0x64A) || between(c, 0x1E00, 0x1FFF) ||
         between(c, 0x3041, 0x30FF) || between(c, 0x3400, 0x9FFF) || between(c, 0xAC00, 0xD7A3);
}

char32_t to_upper(char32_t c) {
  if (c < 0x80) return between(c, 'a', 'z') ? c - 32 : c;
  if (c == 0xB5) return 0x39C;
  if (c == 0xFF) return 0x178;
  if ((between(c, 0xE0, 0xFE) && c != 0xF7) || between(c, 0x3B1, 0x3C1) || between(c, 0x3C3, 0x3CB) || between(c, 0x430, 0x44F))
    return c - 32;
  if (c == 0x3C2) return 0x3A3;
  if (between(c, 0x450, 0x45F)) return c - 80;
  if (c == 0x131) return 'I';
  if (alternates(c)) return c & ~char32_t{1};
  if (alternates_from_odd(c)) return c % 2 == 0 ? c - 1 : c;
  return c;
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return between(c, 'A', 'Z') ? c + 32 : c;
  if (c == 0x178) return 0xFF;
  if ((between(c, 0xC0, 0xDE) && c != 0xD7) || between(c, 0x391, 0x3A1) || between(c, 0x3A3, 0x3AB) || between(c, 0x410, 0x42F))
    return c + 32;
  if (between(c, 0x400, 0x40F)) return c + 80;
  if (c == 0x130 || c == 0x131) return c;
  if (alternates(c)) return c | 1;
  if (alternates_from_odd(c)) return c % 2 == 1 ? c + 1 : c;
  return c;
}

namespace {
template <class Change>
std::string change_each(std::string_view text, Change change) {
  std::string changed;
  changed.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.value == kInvalid) {
      changed += text[at];
    } else if (c.value == 0xDF && change(U'a') == U'A') {
      changed += "SS";  // The one common letter whose upper case is two.
    } else {
      append_code_point(changed, change(c.value));
    }
    at += c.bytes;
  }
  return changed;
}

template <class Matches>
std::string_view strip_if(std::string_view text, Side side, Matches matches) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (side != Side::kRight && begin < end) {
    const CodePoint c = code_point_at(text, begin);
    if (!matches(c.value)) break;
    begin += c.bytes;
  }
  while (side != Side::kLeft && end > begin) {
    std::size_t start = end - 1;
    while (start > begin && end - start < 4 && is_continuation(text, start)) --start;
    const CodePoint c = code_point_at(text, start);
    if (start + c.bytes != end || !matches(c.value)) break;
    end = start;
  }
  return text.substr(begin, end - begin);
}
}  // namespace

std::string upper(std::string_view text) { return change_each(text, to_upper); }
std::string lower(std::string_view text) { return change_each(text, to_lower); }

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t first = code_point_at(text, 0).bytes;
  std::string capitalized = upper(text.substr(0, first));
  if (capitalized == "SS") capitalized = "Ss";
  return capitalized + lower(text.substr(first));
}

std::string_view strip(std::string_view text, Side side) { return strip_if(text, side, is_space); }

std::string_view strip(std::string_view text, Side side, std::string_view characters) {
  return strip_if(text, side, [characters](char32_t c) {
    for (std::size_t at = 0; at < characters.size();) {
      const CodePoint wanted = code_point_at(characters, at);
      if (wanted.value == c) return true;
      at += wanted.bytes;
    }
    return false;
  });
}

std::size_t find(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  if (from == text.size()) return std::string_view::npos;  // memmem takes no null pointer.
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t find_last(std::string_view text, std::string_view part) {
  const std::string mirrored_text(text.rbegin(), text.rend());
  const std::string mirrored_part(part.rbegin(), part.rend());
  const std::size_t found = find(mirrored_text, mirrored_part);
  return found == std::string_view::npos ? found : text.size() - found - part.size();
}

}  // namespace forebay::text::jinja
