// Filters that make text.
#include <algorithm>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"
#include "text/jinja_string_methods.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

Result<Value> change_text(Evaluator& evaluator, const Value& self, Arguments& arguments, std::string (*change)(std::string_view)) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  return evaluator.heap().string(change(text));
}
Result<Value> upper_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return change_text(evaluator, self, arguments, upper);
}
Result<Value> lower_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return change_text(evaluator, self, arguments, lower);
}
Result<Value> capitalize_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return change_text(evaluator, self, arguments, capitalize);
}

// A word begins after blanks, hyphens and opening brackets; unlike the method, not after an apostrophe.
std::string title_words(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const bool separates = is_space(c.value) || c.value == U'-' || c.value == U'(' || c.value == U'{' || c.value == U'[' || c.value == U'<';
    if (c.value == kInvalid) {
      out += text[at];
    } else if (c.value == 0xDF && !in_word) {
      out += "SS";
    } else {
      append_code_point(out, in_word ? to_lower(c.value) : to_upper(c.value));
    }
    in_word = !separates;
    at += c.bytes;
  }
  return out;
}
Result<Value> title_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return change_text(evaluator, self, arguments, title_words);
}

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}
Result<Value> escape_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return change_text(evaluator, self, arguments, escape_markup);
}

Result<Value> string_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  return Value::string(text);
}

Result<Value> trim(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"chars"}));
  TRY_ASSIGN(const std::string_view characters, bound.text(0, ""));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  return Value::string(bound.has(0) ? strip(text, Side::kBoth, characters) : strip(text, Side::kBoth));
}

Result<Value> replace_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"old", "new", "count"}, 2));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  TRY_ASSIGN(const std::string_view from, text_of(evaluator.heap(), bound.value(0)));
  TRY_ASSIGN(const std::string_view to, text_of(evaluator.heap(), bound.value(1)));
  TRY_ASSIGN(const std::int64_t count, bound.whole(2, -1));
  return replace(evaluator.heap(), text, from, to, count);
}

Result<Value> center_filter(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"width"}));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  TRY_ASSIGN(const std::int64_t width, bound.whole(0, 80));
  return center(evaluator.heap(), text, width, " ");
}

Result<Value> indent(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"width", "first", "blank"}));
  Value padding = bound.value(0, Value::integer(4));
  if (!padding.is(Kind::kString)) {
    TRY_ASSIGN(const std::int64_t width, bound.whole(0, 4));
    TRY_ASSIGN(padding, evaluator.heap().repeat(" ", width < 0 ? 0 : static_cast<std::uint64_t>(width)));
  }
  if (!self.is(Kind::kString)) return fail(kTemplateFailed, "only text can be indented");
  TRY(evaluator.heap().spend(self.text().size() / 16));
  // Jinja adds a line end before it splits, so an end that is there already gives one more empty line.
  std::vector<std::string_view> lines = split_lines(self.text(), false);
  if (self.text().empty() || self.text().ends_with('\n') || self.text().ends_with('\r')) lines.emplace_back();
  std::string out(bound.truth(1, false) ? padding.text() : "");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool padded = i > 0 && (bound.truth(2, false) || !lines[i].empty());
    TRY(evaluator.heap().reserve(1 + lines[i].size() + (padded ? padding.text().size() : 0)));
    if (i > 0) out += '\n';
    if (padded) out += padding.text();
    out += lines[i];
  }
  return evaluator.heap().string(std::move(out));
}

Result<Value> join(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"d", "attribute"}));
  TRY_ASSIGN(const std::string_view separator, text_of(evaluator.heap(), bound.value(0, Value::string(""))));
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), self));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Value item = items[i];
    if (bound.has(1)) {
      TRY_ASSIGN(item, evaluator.path(item, bound.value(1)));
    }
    TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), item));
    TRY(evaluator.heap().reserve(text.size() + separator.size()));
    if (i > 0) out += separator;
    out += text;
  }
  return evaluator.heap().string(std::move(out));
}

Result<Value> tojson(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style{.ascii_only = bound.truth(0, false), .sorted = bound.truth(3, false)};
  if (bound.has(1)) {
    style.lines = true;
    style.item_separator = ",";
    if (bound.value(1).is(Kind::kString)) {
      style.indent = bound.value(1).text();
    } else {
      TRY_ASSIGN(const std::int64_t width, bound.whole(1, 0));
      TRY_ASSIGN(const Value blanks, evaluator.heap().repeat(" ", width < 0 ? 0 : static_cast<std::uint64_t>(width)));
      style.indent = blanks.text();
    }
  }
  if (bound.has(2)) {
    TRY_ASSIGN(const std::vector<Value> pair, iterate(evaluator.heap(), bound.value(2)));
    if (pair.size() != 2 || !pair[0].is(Kind::kString) || !pair[1].is(Kind::kString))
      return fail(kTemplateFailed, "separators must be a pair of texts");
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  TRY_ASSIGN(std::string json, to_json(evaluator.heap(), self, style));
  return evaluator.heap().string(std::move(json));
}

Result<Value> format(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    return fail(kTemplateFailed, "can't handle positional and keyword arguments at the same time");
  TRY_ASSIGN(const std::string_view pattern, text_of(evaluator.heap(), self));
  if (arguments.named.empty()) {
    TRY_ASSIGN(const Value values, evaluator.heap().list(arguments.positional, ListFlavor::kTuple));
    return format_percent(evaluator.heap(), pattern, values);
  }
  TRY_ASSIGN(Dict * values, evaluator.heap().dict());
  for (const auto& [name, value] : arguments.named) TRY(evaluator.heap().set(*values, Value::string(name), value));
  return format_percent(evaluator.heap(), pattern, Value::dict(values));
}

Result<Value> wordcount(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(const std::string_view text, text_of(evaluator.heap(), self));
  std::int64_t words = 0;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const bool is_word = is_letter(c.value) || c.value == U'_' || (c.value >= U'0' && c.value <= U'9');
    words += is_word && !in_word ? 1 : 0;
    in_word = is_word;
    at += c.bytes;
  }
  return Value::integer(words);
}

}  // namespace

NamedBuiltins string_filters() {
  static constexpr std::pair<std::string_view, Builtin> kFilters[] = {
      {"upper", upper_filter},
      {"lower", lower_filter},
      {"capitalize", capitalize_filter},
      {"title", title_filter},
      {"escape", escape_filter},
      {"e", escape_filter},
      {"forceescape", escape_filter},
      {"string", string_filter},
      {"safe", string_filter},
      {"trim", trim},
      {"replace", replace_filter},
      {"center", center_filter},
      {"indent", indent},
      {"join", join},
      {"tojson", tojson},
      {"format", format},
      {"wordcount", wordcount},
  };
  return kFilters;
}

}  // namespace forebay::text::jinja
