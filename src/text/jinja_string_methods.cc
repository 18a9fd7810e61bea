#include "text/jinja_string_methods.h"

#include <algorithm>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_methods.h"
#include "text/jinja_operators.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

Result<Value> replace(Heap& heap, std::string_view text, std::string_view from, std::string_view to, std::int64_t count) {
  std::string out;
  std::size_t at = 0;
  TRY(heap.scan(text.size()));
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    if (from.empty() && at > text.size()) break;
    const std::size_t found = from.empty() ? at : find(text, from, at);
    if (found == std::string_view::npos) break;
    TRY(heap.spend());
    TRY(heap.reserve(to.size()));
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
    if (!from.empty()) continue;
    if (at == text.size()) return heap.string(std::move(out));
    const std::size_t bytes = code_point_at(text, at).bytes;  // Nothing is found between any two characters.
    out += text.substr(at, bytes);
    at += bytes;
  }
  return heap.string(std::move(out.append(text.substr(std::min(at, text.size())))));
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const bool ends = (c.value >= 0x0A && c.value <= 0x0D) || (c.value >= 0x1C && c.value <= 0x1E) || c.value == 0x85 ||
                      c.value == 0x2028 || c.value == 0x2029;
    std::size_t next = at + c.bytes;
    if (ends) {
      if (c.value == U'\r' && next < text.size() && text[next] == '\n') ++next;
      lines.push_back(text.substr(begin, (keep_ends ? next : at) - begin));
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

Result<Value> center(Heap& heap, std::string_view text, std::int64_t width, std::string_view fill) {
  const auto length = static_cast<std::int64_t>(count_code_points(text));
  if (width <= length) return Value::string(text);
  const std::int64_t missing = width - length;
  const std::int64_t left = missing / 2 + (missing & width & 1);  // As CPython rounds.
  TRY_ASSIGN(const Value before, heap.repeat(fill, static_cast<std::uint64_t>(left)));
  TRY_ASSIGN(const Value after, heap.repeat(fill, static_cast<std::uint64_t>(missing - left)));
  return heap.string(std::string(before.text()).append(text).append(after.text()));
}

namespace {
template <class Change>
bool is_cased(std::string_view text, Change change) {
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (change(c.value) != c.value) return false;
    any |= to_upper(c.value) != to_lower(c.value);
    at += c.bytes;
  }
  return any;
}
}  // namespace

bool is_lower(std::string_view text) { return is_cased(text, to_lower); }
bool is_upper(std::string_view text) { return is_cased(text, to_upper); }

namespace {

Result<Value> strip_method(Arguments& arguments, const Value& self, Side side) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"chars"}));
  TRY_ASSIGN(const std::string_view characters, bound.text(0, ""));
  return Value::string(bound.has(0) ? strip(self.text(), side, characters) : strip(self.text(), side));
}
Result<Value> strip_both(Evaluator&, const Value& self, Arguments& arguments) { return strip_method(arguments, self, Side::kBoth); }
Result<Value> strip_left(Evaluator&, const Value& self, Arguments& arguments) { return strip_method(arguments, self, Side::kLeft); }
Result<Value> strip_right(Evaluator&, const Value& self, Arguments& arguments) { return strip_method(arguments, self, Side::kRight); }

// Pieces between runs of whitespace.
Result<std::vector<Value>> split_words(Heap& heap, std::string_view text, std::int64_t limit, bool from_right) {
  std::vector<Value> pieces;
  text = strip(text, from_right ? Side::kRight : Side::kLeft);
  while (!text.empty()) {
    TRY(heap.spend());
    if (limit >= 0 && static_cast<std::int64_t>(pieces.size()) >= limit) {
      pieces.push_back(Value::string(strip(text, from_right ? Side::kRight : Side::kLeft)));
      break;
    }
    std::size_t at = from_right ? text.size() : 0;
    std::size_t edge = at;
    while (from_right ? at > 0 : at < text.size()) {
      if (from_right) --at;
      if (from_right && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
      const CodePoint c = code_point_at(text, at);
      if (is_space(c.value)) break;
      edge = from_right ? at : at + c.bytes;
      if (!from_right) at += c.bytes;
    }
    pieces.push_back(Value::string(from_right ? text.substr(edge) : text.substr(0, edge)));
    text = from_right ? strip(text.substr(0, edge), Side::kRight) : strip(text.substr(edge), Side::kLeft);
  }
  if (from_right) std::ranges::reverse(pieces);
  return pieces;
}

Result<std::vector<Value>> split_at(Heap& heap, std::string_view text, std::string_view separator, std::int64_t limit) {
  std::vector<Value> pieces;
  while (limit < 0 || static_cast<std::int64_t>(pieces.size()) < limit) {
    TRY(heap.spend());
    const std::size_t found = find(text, separator);
    if (found == std::string_view::npos) break;
    pieces.push_back(Value::string(text.substr(0, found)));
    text.remove_prefix(found + separator.size());
  }
  pieces.push_back(Value::string(text));
  return pieces;
}

// Splits the mirrored text: searching backwards would take quadratic time on hostile text.
Result<std::vector<Value>> split_at_from_right(Heap& heap, std::string_view text, std::string_view separator, std::int64_t limit) {
  TRY(heap.reserve(text.size()));
  const std::string mirrored_text(text.rbegin(), text.rend());
  const std::string mirrored_separator(separator.rbegin(), separator.rend());
  TRY_ASSIGN(std::vector<Value> pieces, split_at(heap, mirrored_text, mirrored_separator, limit));
  for (Value& piece : pieces) {
    const auto from_end = static_cast<std::size_t>(piece.text().data() - mirrored_text.data());
    piece = Value::string(text.substr(text.size() - from_end - piece.text().size(), piece.text().size()));
  }
  std::ranges::reverse(pieces);
  return pieces;
}

Result<Value> split_method(Evaluator& evaluator, const Value& self, Arguments& arguments, bool from_right) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"sep", "maxsplit"}));
  TRY_ASSIGN(const std::string_view separator, bound.text(0, ""));
  TRY_ASSIGN(const std::int64_t limit, bound.whole(1, -1));
  TRY(evaluator.heap().scan(self.text().size()));
  if (bound.has(0) && separator.empty()) return fail(kTemplateFailed, "empty separator");
  if (!bound.has(0)) {
    TRY_ASSIGN(std::vector<Value> words, split_words(evaluator.heap(), self.text(), limit, from_right));
    return evaluator.heap().list(std::move(words));
  }
  TRY_ASSIGN(std::vector<Value> pieces, from_right ? split_at_from_right(evaluator.heap(), self.text(), separator, limit)
                                                   : split_at(evaluator.heap(), self.text(), separator, limit));
  return evaluator.heap().list(std::move(pieces));
}
Result<Value> split_left(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return split_method(evaluator, self, arguments, false);
}
Result<Value> split_right(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return split_method(evaluator, self, arguments, true);
}

Result<Value> splitlines(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"keepends"}));
  TRY(evaluator.heap().spend(self.text().size() / 16));
  std::vector<Value> lines;
  for (const std::string_view line : split_lines(self.text(), bound.truth(0, false))) lines.push_back(Value::string(line));
  return evaluator.heap().list(std::move(lines));
}

template <class Matches>
Result<Value> any_affix(const Value& self, Arguments& arguments, Matches matches) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"affix"}, 1));
  const Value affix = bound.value(0);
  if (affix.is(Kind::kString)) return Value::boolean(matches(self.text(), affix.text()));
  if (!affix.is(Kind::kList) || !affix.list().is_tuple()) return fail(kTemplateFailed, "first argument must be str or a tuple of str");
  for (const Value& candidate : affix.list().items) {
    if (!candidate.is(Kind::kString)) return fail(kTemplateFailed, "the tuple must only contain str");
    if (matches(self.text(), candidate.text())) return Value::boolean(true);
  }
  return Value::boolean(false);
}
Result<Value> startswith(Evaluator&, const Value& self, Arguments& arguments) {
  return any_affix(self, arguments, [](std::string_view text, std::string_view affix) { return text.starts_with(affix); });
}
Result<Value> endswith(Evaluator&, const Value& self, Arguments& arguments) {
  return any_affix(self, arguments, [](std::string_view text, std::string_view affix) { return text.ends_with(affix); });
}

Result<Value> upper_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return evaluator.heap().string(upper(self.text()));
}
Result<Value> lower_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return evaluator.heap().string(lower(self.text()));
}
Result<Value> capitalize_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return evaluator.heap().string(capitalize(self.text()));
}

// Unlike the filter, a word begins after anything that is no letter.
Result<Value> title_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  std::string out;
  bool in_word = false;
  for (std::size_t at = 0; at < self.text().size();) {
    const CodePoint c = code_point_at(self.text(), at);
    if (c.value == kInvalid) {
      out += self.text()[at];
    } else if (c.value == 0xDF && !in_word) {
      out += "Ss";
    } else {
      append_code_point(out, in_word ? to_lower(c.value) : to_upper(c.value));
    }
    in_word = c.value != kInvalid && is_letter(c.value);
    at += c.bytes;
  }
  return evaluator.heap().string(std::move(out));
}

Result<Value> replace_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"old", "new", "count"}, 2));
  TRY_ASSIGN(const std::string_view from, bound.text(0, ""));
  TRY_ASSIGN(const std::string_view to, bound.text(1, ""));
  TRY_ASSIGN(const std::int64_t count, bound.whole(2, -1));
  if (!bound.has(0) || !bound.has(1)) return fail(kTemplateFailed, "replace() takes text");
  return replace(evaluator.heap(), self.text(), from, to, count);
}

Result<Value> search(Evaluator& evaluator, const Value& self, Arguments& arguments, bool from_right, bool required) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"sub", "start", "end"}, 1));
  TRY_ASSIGN(const std::string_view part, bound.text(0, ""));
  TRY_ASSIGN(const Value window, slice(evaluator.heap(), self, bound.value(1), bound.value(2), Value::none()));
  TRY(evaluator.heap().scan(self.text().size()));
  const std::size_t found = from_right ? find_last(window.text(), part) : find(window.text(), part);
  if (found == std::string_view::npos) {
    if (required) return fail(kTemplateFailed, "substring not found");
    return Value::integer(-1);
  }
  TRY_ASSIGN(const std::int64_t length, length_of(evaluator.heap(), self));
  TRY_ASSIGN(std::int64_t start, bound.whole(1, 0));
  if (start < 0) start = std::max<std::int64_t>(0, start + length);
  if (start > length) return Value::integer(-1);
  return Value::integer(start + static_cast<std::int64_t>(count_code_points(window.text().substr(0, found))));
}
Result<Value> find_first_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return search(evaluator, self, arguments, false, false);
}
Result<Value> rfind_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return search(evaluator, self, arguments, true, false);
}
Result<Value> index_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return search(evaluator, self, arguments, false, true);
}
Result<Value> rindex_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return search(evaluator, self, arguments, true, true);
}

Result<Value> join_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"iterable"}, 1));
  TRY_ASSIGN(const std::vector<Value> items, iterate(evaluator.heap(), bound.value(0)));
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::kString)) return fail(kTemplateFailed, "join() takes only text");
    TRY(evaluator.heap().reserve(self.text().size() + items[i].text().size()));
    if (i > 0) out += self.text();
    out += items[i].text();
  }
  return evaluator.heap().string(std::move(out));
}

Result<Value> count_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"sub"}, 1));
  TRY_ASSIGN(const std::string_view part, bound.text(0, ""));
  TRY(evaluator.heap().scan(self.text().size()));
  if (part.empty()) return Value::integer(static_cast<std::int64_t>(count_code_points(self.text())) + 1);
  std::int64_t count = 0;
  for (std::size_t at = find(self.text(), part); at != std::string_view::npos; at = find(self.text(), part, at + part.size())) ++count;
  return Value::integer(count);
}

Result<Value> removeprefix(Evaluator&, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"prefix"}, 1));
  TRY_ASSIGN(const std::string_view affix, bound.text(0, ""));
  return Value::string(self.text().substr(self.text().starts_with(affix) ? affix.size() : 0));
}
Result<Value> removesuffix(Evaluator&, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"suffix"}, 1));
  TRY_ASSIGN(const std::string_view affix, bound.text(0, ""));
  return Value::string(self.text().substr(0, self.text().size() - (self.text().ends_with(affix) ? affix.size() : 0)));
}

Result<Value> partition_at(Evaluator& evaluator, const Value& self, Arguments& arguments, bool from_right) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"sep"}, 1));
  TRY_ASSIGN(const std::string_view separator, bound.text(0, ""));
  if (separator.empty()) return fail(kTemplateFailed, "empty separator");
  const std::string_view text = self.text();
  TRY(evaluator.heap().scan(text.size()));
  const std::size_t found = from_right ? find_last(text, separator) : find(text, separator);
  const Value empty = Value::string("");
  if (found == std::string_view::npos) {
    return evaluator.heap().list(from_right ? std::vector<Value>{empty, empty, self} : std::vector<Value>{self, empty, empty},
                                 ListFlavor::kTuple);
  }
  return evaluator.heap().list(
      {Value::string(text.substr(0, found)), Value::string(separator), Value::string(text.substr(found + separator.size()))},
      ListFlavor::kTuple);
}
Result<Value> partition(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return partition_at(evaluator, self, arguments, false);
}
Result<Value> rpartition(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return partition_at(evaluator, self, arguments, true);
}

template <bool (*kMatches)(char32_t)>
Result<Value> all_characters(Evaluator&, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  bool all = !self.text().empty();
  for (std::size_t at = 0; all && at < self.text().size(); at += code_point_at(self.text(), at).bytes)
    all = kMatches(code_point_at(self.text(), at).value);
  return Value::boolean(all);
}
bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_alphanumeric(char32_t c) { return is_digit(c) || is_letter(c); }

Result<Value> islower(Evaluator&, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return Value::boolean(is_lower(self.text()));
}
Result<Value> isupper(Evaluator&, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  return Value::boolean(is_upper(self.text()));
}

Result<Value> center_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"width", "fillchar"}, 1));
  TRY_ASSIGN(const std::int64_t width, bound.whole(0, 0));
  TRY_ASSIGN(const std::string_view fill, bound.text(1, " "));
  if (count_code_points(fill) != 1) return fail(kTemplateFailed, "the fill character must be exactly one character long");
  return center(evaluator.heap(), self.text(), width, fill);
}

Result<Value> justify(Evaluator& evaluator, const Value& self, Arguments& arguments, bool left) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"width", "fillchar"}, 1));
  TRY_ASSIGN(const std::int64_t width, bound.whole(0, 0));
  TRY_ASSIGN(const std::string_view fill, bound.text(1, " "));
  if (count_code_points(fill) != 1) return fail(kTemplateFailed, "the fill character must be exactly one character long");
  const auto length = static_cast<std::int64_t>(count_code_points(self.text()));
  TRY_ASSIGN(const Value padding, evaluator.heap().repeat(fill, width > length ? static_cast<std::uint64_t>(width - length) : 0));
  std::string out(left ? self.text() : padding.text());
  return evaluator.heap().string(std::move(out.append(left ? padding.text() : self.text())));
}
Result<Value> ljust(Evaluator& evaluator, const Value& self, Arguments& arguments) { return justify(evaluator, self, arguments, true); }
Result<Value> rjust(Evaluator& evaluator, const Value& self, Arguments& arguments) { return justify(evaluator, self, arguments, false); }

Result<Value> format_method(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  return format_braces(evaluator.heap(), self.text(), arguments);
}

}  // namespace

Builtin find_string_method(std::string_view name) {
  static constexpr std::pair<std::string_view, Builtin> kMethods[] = {
      {"capitalize", capitalize_method},
      {"center", center_method},
      {"count", count_method},
      {"endswith", endswith},
      {"find", find_first_method},
      {"format", format_method},
      {"index", index_method},
      {"isalnum", all_characters<is_alphanumeric>},
      {"isalpha", all_characters<is_letter>},
      {"isdecimal", all_characters<is_digit>},
      {"isdigit", all_characters<is_digit>},
      {"islower", islower},
      {"isnumeric", all_characters<is_digit>},
      {"isspace", all_characters<is_space>},
      {"isupper", isupper},
      {"join", join_method},
      {"ljust", ljust},
      {"lower", lower_method},
      {"lstrip", strip_left},
      {"partition", partition},
      {"removeprefix", removeprefix},
      {"removesuffix", removesuffix},
      {"replace", replace_method},
      {"rfind", rfind_method},
      {"rindex", rindex_method},
      {"rjust", rjust},
      {"rpartition", rpartition},
      {"rsplit", split_right},
      {"rstrip", strip_right},
      {"split", split_left},
      {"splitlines", splitlines},
      {"startswith", startswith},
      {"strip", strip_both},
      {"title", title_method},
      {"upper", upper_method},
  };
  const auto found = std::ranges::lower_bound(kMethods, name, {}, &std::pair<std::string_view, Builtin>::first);
  return found == std::end(kMethods) || found->first != name ? nullptr : found->second;
}

}  // namespace forebay::text::jinja
