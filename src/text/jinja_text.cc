#include "text/jinja_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/errors.h"
#include "text/jinja_operators.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

std::string quote(std::string_view text) {
  const char mark = text.contains('\'') && !text.contains('"') ? '"' : '\'';
  std::string out(1, mark);
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.value == static_cast<char32_t>(mark) || c.value == U'\\') {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == U'\n') {
      out += "\\n";
    } else if (c.value == U'\r') {
      out += "\\r";
    } else if (c.value == U'\t') {
      out += "\\t";
    } else if (c.value == kInvalid) {
      out += fmt::format("\\udc{:02x}", static_cast<unsigned char>(text[at]));
    } else if (is_printable(c.value)) {
      out += text.substr(at, c.bytes);
    } else {
      const auto value = static_cast<std::uint32_t>(c.value);
      out += value < 0x100     ? fmt::format("\\x{:02x}", value)
             : value < 0x10000 ? fmt::format("\\u{:04x}", value)
                               : fmt::format("\\U{:08x}", value);
    }
    at += c.bytes;
  }
  return out += mark;
}

// Writes repr() piece by piece, charging each, because shared parts can make the text far larger than the data.
class ReprWriter {
 public:
  explicit ReprWriter(Heap& heap) : heap_(heap) {}

  Result<std::string> run(const Value& value) {
    TRY(write(value));
    return std::move(out_);
  }

 private:
  Result<> append(std::string_view text) {
    TRY(heap_.reserve(text.size()));
    out_ += text;
    return {};
  }

  Result<> write(const Value& value) {
    TRY(heap_.spend());
    const Heap::Descent descent(heap_);
    if (descent.too_deep()) return heap_.too_deep();
    switch (value.kind()) {
      case Kind::kUndefined:
        return append("Undefined");
      case Kind::kNone:
        return append("None");
      case Kind::kBool:
        return append(value.whole() != 0 ? "True" : "False");
      case Kind::kInteger:
        return append(std::to_string(value.whole()));
      case Kind::kFloat:
        return append(float_repr(value.real()));
      case Kind::kString:
        TRY(heap_.reserve(value.text().size()));
        return append(quote(value.text()));
      case Kind::kList:
        return write_list(value.list());
      case Kind::kDict:
        return write_dict(value.dict());
      case Kind::kNamespace: {
        TRY(append("<Namespace "));
        TRY(write_dict(value.space().members));
        return append(">");
      }
      case Kind::kCallable:
        return append(fmt::format("<function {}>", value.callable().name));
      case Kind::kLoop:
        return append("<LoopContext>");
    }
    return {};
  }

  Result<> write_list(const List& list) {
    const auto wrapped = [&](std::string_view begin, std::string_view end) -> Result<> {
      TRY(append(begin));
      for (std::size_t i = 0; i < list.items.size(); ++i) {
        if (i > 0) TRY(append(", "));
        TRY(write(list.items[i]));
      }
      return append(end);
    };
    switch (list.flavor) {
      case ListFlavor::kList:
        return wrapped("[", "]");
      case ListFlavor::kTuple:
      case ListFlavor::kGroup:
        return wrapped("(", list.items.size() == 1 ? ",)" : ")");
      case ListFlavor::kGenerator:
        return append("<generator object>");
      case ListFlavor::kRange:
        return append(list.step == 1 ? fmt::format("range({}, {})", list.start, list.stop)
                                     : fmt::format("range({}, {}, {})", list.start, list.stop, list.step));
      case ListFlavor::kKeys:
        return wrapped("dict_keys([", "])");
      case ListFlavor::kValues:
        return wrapped("dict_values([", "])");
      case ListFlavor::kItems:
        return wrapped("dict_items([", "])");
    }
    return {};
  }

  Result<> write_dict(const Dict& dict) {
    TRY(append("{"));
    for (std::size_t i = 0; i < dict.entries.size(); ++i) {
      if (i > 0) TRY(append(", "));
      TRY(write(dict.entries[i].first));
      TRY(append(": "));
      TRY(write(dict.entries[i].second));
    }
    return append("}");
  }

  Heap& heap_;
  std::string out_;
};

std::string json_string(std::string_view text, bool ascii_only) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    if (const auto special = c.value < 0x80 ? kSpecial.find(static_cast<char>(c.value)) : std::string_view::npos;
        special != std::string_view::npos) {
      out += '\\';
      out += kLetters[special];
    } else if (c.value >= 0x20 && (c.value == kInvalid || c.value < 0x80 || !ascii_only)) {
      out += text.substr(at, c.bytes);
    } else if (c.value < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c.value));
    } else {
      const auto rest = static_cast<std::uint32_t>(c.value) - 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    }
    at += c.bytes;
  }
  return out += '"';
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return float_repr(value);
}

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style) {}

  Result<std::string> run(const Value& value) {
    TRY(write(value, 0));
    return std::move(out_);
  }

 private:
  Result<> append(std::string_view text) {
    TRY(heap_.reserve(text.size()));
    out_ += text;
    return {};
  }

  Result<> new_line(std::size_t level) {
    if (!style_.lines) return {};
    TRY(heap_.reserve(1 + level * style_.indent.size()));
    out_ += '\n';
    for (std::size_t i = 0; i < level; ++i) out_ += style_.indent;
    return {};
  }

  Result<> write(const Value& value, std::size_t level) {
    TRY(heap_.spend());
    const Heap::Descent descent(heap_);
    if (descent.too_deep()) return heap_.too_deep();
    switch (value.kind()) {
      case Kind::kNone:
        return append("null");
      case Kind::kBool:
        return append(value.whole() != 0 ? "true" : "false");
      case Kind::kInteger:
        return append(std::to_string(value.whole()));
      case Kind::kFloat:
        return append(json_float(value.real()));
      case Kind::kString:
        TRY(heap_.reserve(value.text().size()));
        return append(json_string(value.text(), style_.ascii_only));
      case Kind::kDict:
        return write_dict(value.dict(), level);
      case Kind::kList:
        if (value.list().flavor == ListFlavor::kList || value.list().is_tuple()) return write_list(value.list(), level);
        break;
      default:
        break;
    }
    return fail(kTemplateFailed, fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }

  Result<> write_list(const List& list, std::size_t level) {
    if (list.items.empty()) return append("[]");
    TRY(append("["));
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) TRY(append(style_.item_separator));
      TRY(new_line(level + 1));
      TRY(write(list.items[i], level + 1));
    }
    TRY(new_line(level));
    return append("]");
  }

  Result<std::string> key_text(const Value& key) const {
    switch (key.kind()) {
      case Kind::kString:
        return std::string(key.text());
      case Kind::kNone:
        return std::string("null");
      case Kind::kBool:
        return std::string(key.whole() != 0 ? "true" : "false");
      case Kind::kInteger:
        return std::to_string(key.whole());
      case Kind::kFloat:
        return json_float(key.real());
      default:
        return fail(kTemplateFailed, fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
    }
  }

  Result<> write_dict(const Dict& dict, std::size_t level) {
    if (dict.entries.empty()) return append("{}");
    std::vector<const std::pair<Value, Value>*> entries;
    TRY(heap_.spend(dict.entries.size()));
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sorted) {
      const bool all_names = std::ranges::all_of(entries, [](const auto* entry) { return entry->first.is(Kind::kString); });
      if (!all_names && entries.size() > 1) return fail(kTemplateFailed, "only keys that are strings can be sorted");
      if (all_names) std::ranges::stable_sort(entries, {}, [](const auto* entry) { return entry->first.text(); });
    }
    TRY(append("{"));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) TRY(append(style_.item_separator));
      TRY(new_line(level + 1));
      TRY_ASSIGN(const std::string key, key_text(entries[i]->first));
      TRY(append(json_string(key, style_.ascii_only)));
      TRY(append(style_.key_separator));
      TRY(write(entries[i]->second, level + 1));
    }
    TRY(new_line(level));
    return append("}");
  }

  Heap& heap_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto [end, problem] = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string_view scientific(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = scientific.find('e');
  int exponent = 0;
  std::from_chars(buffer + e + (scientific[e + 1] == '+' ? 2 : 1), end, exponent);
  // Python writes the shortest digits that read back, plain between 1e-4 and 1e16.
  if (exponent < -4 || exponent >= 16)
    return fmt::format("{}e{}{:02}", scientific.substr(0, e), exponent < 0 ? '-' : '+', std::abs(exponent));
  const auto [fixed_end, fixed_problem] = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
  std::string fixed(buffer, static_cast<std::size_t>(fixed_end - buffer));
  if (!fixed.contains('.')) fixed += ".0";
  return fixed;
}

Result<std::string> repr(Heap& heap, const Value& value) { return ReprWriter(heap).run(value); }

Result<std::string_view> text_of(Heap& heap, const Value& value) {
  if (value.is(Kind::kString)) return value.text();
  if (value.is(Kind::kUndefined)) return std::string_view();
  TRY_ASSIGN(std::string text, repr(heap, value));
  TRY_ASSIGN(const Value kept, heap.string(std::move(text)));
  return kept.text();
}

Result<std::string> to_json(Heap& heap, const Value& value, const JsonStyle& style) { return JsonWriter(heap, style).run(value); }

}  // namespace forebay::text::jinja
