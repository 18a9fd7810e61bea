#include "http/json_writer.h"

#include <charconv>
#include <cmath>

namespace forebay::http {

namespace {

// The length of the well-formed UTF-8 sequence at `at`, or 0.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF && tail(1)) return 2;
  if (first >= 0xE0 && first <= 0xEF && tail(1) && tail(2)) {
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4 && tail(1) && tail(2) && tail(3)) {
    if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  out += "\\u00";
  out += kHex[static_cast<unsigned char>(c) >> 4];
  out += kHex[static_cast<unsigned char>(c) & 15];
}

template <class T>
void append_number(std::string& out, T value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[40];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t plain = at;
    while (plain < text.size() && static_cast<unsigned char>(text[plain]) >= 0x20 && static_cast<unsigned char>(text[plain]) < 0x80 &&
           text[plain] != '"' && text[plain] != '\\') {
      ++plain;
    }
    out += text.substr(at, plain - at);
    at = plain;
    if (at == text.size()) break;
    const std::size_t length = sequence_length(text, at);
    if (length > 1)
      out += text.substr(at, length);
    else if (length == 0)
      out += "\xEF\xBF\xBD";
    else
      append_escaped(out, text[at]);
    at += length == 0 ? 1 : length;
  }
  out += '"';
}

void append_json_number(std::string& out, float value) { append_number(out, value); }
void append_json_number(std::string& out, double value) { append_number(out, value); }

JsonWriter& JsonWriter::open(char begin_mark, char end_mark) {
  begin();
  out_ += begin_mark;
  closers_ += end_mark;
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::end() {
  out_ += closers_.back();
  closers_.pop_back();
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  if (needs_comma_) out_ += ',';
  append_json_string(out_, name);
  out_ += ':';
  needs_comma_ = false;
  return *this;
}

void JsonWriter::begin() {
  if (needs_comma_) out_ += ',';
  needs_comma_ = true;
}

}  // namespace forebay::http
