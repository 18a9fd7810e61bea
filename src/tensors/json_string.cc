#include "tensors/json_string.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "tensors/errors.h"
#include "tensors/utf8.h"

namespace forebay::tensors {

namespace {

Error syntax_error(std::size_t at, std::string_view what) { return error_at_byte(kArrayJsonSyntax, at, what); }

// The four hexadecimal digits after \u; more than 0xffff when they are none.
std::uint32_t hex4(std::string_view json, std::size_t at) {
  constexpr std::uint32_t kNone = 0x10000;
  if (at + 4 > json.size()) return kNone;
  std::uint32_t unit = 0;
  const auto [end, error] = std::from_chars(json.data() + at, json.data() + at + 4, unit, 16);
  return error == std::errc() && end == json.data() + at + 4 ? unit : kNone;
}

// \uXXXX, or two of them for a character beyond the basic plane, with `at` at the backslash; the position after it.
Result<std::size_t> read_unicode_escape(std::string_view json, std::size_t at, std::string& out) {
  const std::uint32_t unit = hex4(json, at + 2);
  if (unit > 0xffff) return fail(syntax_error(at, "\\u needs four hexadecimal digits"));
  if (unit < 0xd800 || unit > 0xdfff) {
    append_utf8(out, unit);
    return at + 6;
  }
  const std::uint32_t low = json.substr(at + 6).starts_with("\\u") ? hex4(json, at + 8) : 0;
  if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return fail(syntax_error(at, "a lone surrogate is no character"));
  append_utf8(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
  return at + 12;
}

Result<std::size_t> read_escape(std::string_view json, std::size_t at, std::string& out) {
  if (at + 1 >= json.size()) return fail(syntax_error(at, "the string does not end"));
  switch (json[at + 1]) {
    case '"':
      out += '"';
      break;
    case '\\':
      out += '\\';
      break;
    case '/':
      out += '/';
      break;
    case 'b':
      out += '\b';
      break;
    case 'f':
      out += '\f';
      break;
    case 'n':
      out += '\n';
      break;
    case 'r':
      out += '\r';
      break;
    case 't':
      out += '\t';
      break;
    case 'u':
      return read_unicode_escape(json, at, out);
    default:
      return fail(syntax_error(at, "unknown escape"));
  }
  return at + 2;
}

}  // namespace

Error error_at_byte(const ErrorCode& code, std::size_t at, std::string_view what) { return {code, fmt::format("byte {}: {}", at, what)}; }

Result<std::size_t> read_json_string(std::string_view json, std::size_t at, std::size_t bytes_max, std::string& out) {
  const std::size_t start = at++;
  while (at < json.size() && json[at] != '"') {
    if (json[at] == '\\') {
      TRY_ASSIGN(at, read_escape(json, at, out));
    } else if (static_cast<unsigned char>(json[at]) < 0x20) {
      return fail(syntax_error(at, "a control character must be escaped"));
    } else {
      const std::size_t length = utf8_length(json.substr(at));
      if (length == 0) return fail(syntax_error(at, "the string is not UTF-8"));
      out.append(json, at, length);
      at += length;
    }
    if (out.size() > bytes_max) {
      return fail(error_at_byte(kTensorTooLarge, start, fmt::format("the string is longer than {} bytes", bytes_max)));
    }
  }
  if (at >= json.size()) return fail(syntax_error(start, "the string does not end"));
  return at + 1;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text[0];
    if (length == 0)
      out += "\xef\xbf\xbd";
    else if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    else
      out.append(text, 0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

}  // namespace forebay::tensors
