// Writes JSON text, front to back, into one buffer.
// Threads: confined to its owner. Not here: reading.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace forebay::http {

// Appends the string with quotes, escaped; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
// The shortest text that reads back the same float; null for what JSON cannot write.
void append_json_number(std::string& out, float value);
void append_json_number(std::string& out, double value);

//   JsonWriter w;  w.object().field("id", id).key("usage").object()….end().end();  w.take()
class JsonWriter {
 public:
  JsonWriter() { out_.reserve(256); }
  JsonWriter& object() { return open('{', '}'); }
  JsonWriter& array() { return open('[', ']'); }
  JsonWriter& end();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text) {
    begin();
    append_json_string(out_, text);
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonWriter& value(float number) {
    begin();
    append_json_number(out_, number);
    return *this;
  }
  JsonWriter& value(double number) {
    begin();
    append_json_number(out_, number);
    return *this;
  }
  template <std::integral T>
  JsonWriter& value(T number) {
    return raw(std::to_string(number));
  }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& raw(std::string_view json) {
    begin();
    out_ += json;
    return *this;
  }
  template <class T>
  JsonWriter& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }
  // For a value that a function appends by itself.
  std::string& begin_value() {
    begin();
    return out_;
  }
  std::string take() { return std::move(out_); }

 private:
  JsonWriter& open(char begin_mark, char end_mark);
  void begin();
  std::string out_;
  std::string closers_;
  bool needs_comma_ = false;
};

}  // namespace forebay::http
