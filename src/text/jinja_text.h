// Values as text: str(), repr() and JSON as Python writes them, and Python's % formatting.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "text/jinja_heap.h"
#include "text/jinja_objects.h"
#include "text/jinja_value.h"

namespace forebay::text::jinja {

// str(value); a string is itself, undefined is "".
Result<std::string_view> text_of(Heap& heap, const Value& value);
Result<std::string> repr(Heap& heap, const Value& value);
std::string float_repr(double value);

struct JsonStyle {
  bool ascii_only = false;
  bool sorted = false;
  std::string indent;  // one level of it; with `lines`
  bool lines = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
// json.dumps; kTemplateFailed for what JSON cannot hold.
Result<std::string> to_json(Heap& heap, const Value& value, const JsonStyle& style);

// "%s and %d" % arguments: s r d i f e g x X o c %, with flags, width and precision.
Result<Value> format_percent(Heap& heap, std::string_view format, const Value& arguments);
// "{} and {name}".format(…): plain fields only.
Result<Value> format_braces(Heap& heap, std::string_view format, const Arguments& arguments);

}  // namespace forebay::text::jinja
