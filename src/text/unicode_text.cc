#include "text/unicode_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace forebay::text::unicode {

namespace {

utf8proc_category_t category_of(char32_t value) { return utf8proc_category(static_cast<utf8proc_int32_t>(value)); }

utf8proc_option_t options_of(Form form) {
  const auto option = [](int bits) { return static_cast<utf8proc_option_t>(bits); };
  switch (form) {
    case Form::kNfc:
      return option(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case Form::kNfd:
      return option(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case Form::kNfkc:
      return option(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case Form::kNfkd:
      break;
  }
  return option(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}

}  // namespace

char32_t next(std::string_view text, std::size_t& at) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) & 0x3FU : 0U; };
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) {
    ++at;
    return lead;
  }
  const std::size_t begin = at;
  at = std::min(text.size(), at + length_at(text, at));
  if (lead < 0xE0) return ((lead & 0x1FU) << 6U) | byte(begin + 1);
  if (lead < 0xF0) return ((lead & 0x0FU) << 12U) | (byte(begin + 1) << 6U) | byte(begin + 2);
  return ((lead & 0x07U) << 18U) | (byte(begin + 1) << 12U) | (byte(begin + 2) << 6U) | byte(begin + 3);
}

std::size_t length_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

void append(std::string& text, char32_t value) {
  if (value < 0x80) {
    text += static_cast<char>(value);
    return;
  }
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(std::max<utf8proc_ssize_t>(size, 0)));
}

std::size_t count(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80U; });
}

bool is_space(char32_t value) {
  if (value < 0x80) return value == ' ' || (value >= '\t' && value <= '\r');
  if (value == 0x85) return true;
  const auto category = category_of(value);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

bool is_numeric(char32_t value) {
  if (value < 0x80) return value >= '0' && value <= '9';
  const auto category = category_of(value);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_NO;
}

bool is_nonspacing_mark(char32_t value) { return value >= 0x80 && category_of(value) == UTF8PROC_CATEGORY_MN; }

bool is_mark(char32_t value) {
  if (value < 0x80) return false;
  const auto category = category_of(value);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

bool is_punctuation(char32_t value) {
  if (value < 0x80)
    return (value >= 33 && value <= 47) || (value >= 58 && value <= 64) || (value >= 91 && value <= 96) || (value >= 123 && value <= 126);
  const auto category = category_of(value);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_control(char32_t value) {
  if (value < 0x80) return value < 0x20 || value == 0x7F;
  const auto category = category_of(value);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO;
}

bool is_word(char32_t value) {
  const auto category = category_of(value);
  const bool circled_letter = value >= 0x24B6 && value <= 0x24E9;
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) || category == UTF8PROC_CATEGORY_PC || value == 0x200C ||
         value == 0x200D || circled_letter;
}

bool is_chinese(char32_t value) {
  return value >= 0x3400 &&
         ((value <= 0x4DBF) || (value >= 0x4E00 && value <= 0x9FFF) || (value >= 0xF900 && value <= 0xFAFF) ||
          (value >= 0x20000 && value <= 0x2A6DF) || (value >= 0x2A700 && value <= 0x2B73F) || (value >= 0x2B740 && value <= 0x2B81F) ||
          (value >= 0x2B920 && value <= 0x2CEAF) || (value >= 0x2F800 && value <= 0x2FA1F));
}

std::string lower(std::string_view text) {
  std::string lowered;
  lowered.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t value = next(text, at);
    if (value < 0x80) {
      lowered += static_cast<char>(value >= 'A' && value <= 'Z' ? value + 32 : value);
    } else if (value == 0x130) {  // the only code point with a longer lower case: i and a dot above
      lowered += "i\xCC\x87";
    } else {
      append(lowered, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(value))));
    }
  }
  return lowered;
}

std::string normalize(std::string_view text, Form form) {
  if (is_ascii(text)) return std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                                 &mapped, options_of(form));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  if (size < 0) return std::string(text);  // not well-formed, or out of memory: what the text was
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

std::vector<std::size_t> grapheme_borders(std::string_view text) {
  std::vector<std::size_t> borders;
  utf8proc_int32_t state = 0;
  utf8proc_int32_t before = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const auto value = static_cast<utf8proc_int32_t>(next(text, at));
    if (begin == 0 || utf8proc_grapheme_break_stateful(before, value, &state)) borders.push_back(begin);
    before = value;
  }
  borders.push_back(text.size());
  return borders;
}

}  // namespace forebay::text::unicode
