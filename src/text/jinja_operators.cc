#include "text/jinja_operators.h"

#include <fmt/format.h>

#include <cmath>

#include "text/errors.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

std::unexpected<Error> overflow() { return fail(kTemplateFailed, "an integer does not fit 64 bits"); }

std::unexpected<Error> unsupported(std::string_view operation, const Value& left, const Value& right) {
  if (left.is(Kind::kUndefined)) return fail(kTemplateFailed, left.absence_message());
  if (right.is(Kind::kUndefined)) return fail(kTemplateFailed, right.absence_message());
  return fail(kTemplateFailed,
              fmt::format("unsupported operand types for {}: '{}' and '{}'", operation, type_name(left), type_name(right)));
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

// As CPython's float_floor_div, whose rounding this keeps.
double floor_quotient(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

double floor_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest != 0) return (rest < 0) != (b < 0) ? rest + b : rest;
  return std::copysign(0.0, b);
}

Result<Value> power(const Value& left, const Value& right) {
  if (left.is_whole() && right.is_whole() && right.whole() >= 0) {
    std::int64_t result = 1;
    std::int64_t base = left.whole();
    for (std::int64_t n = right.whole(); n > 0; n >>= 1) {
      if ((n & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return overflow();
      if (n > 1 && __builtin_mul_overflow(base, base, &base)) return overflow();
    }
    return Value::integer(result);
  }
  if (left.real() == 0 && right.real() < 0) return fail(kTemplateFailed, "zero cannot be raised to a negative power");
  if (left.real() < 0 && right.real() != std::floor(right.real())) return fail(kTemplateFailed, "complex numbers are not supported");
  const double result = std::pow(left.real(), right.real());
  if (std::isinf(result) && !std::isinf(left.real()) && !std::isinf(right.real()))
    return fail(kTemplateFailed, "numerical result out of range");
  return Value::number(result);
}

Result<Value> whole_arithmetic(std::string_view operation, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (operation == "+") {
    if (__builtin_add_overflow(a, b, &result)) return overflow();
  } else if (operation == "-") {
    if (__builtin_sub_overflow(a, b, &result)) return overflow();
  } else if (operation == "*") {
    if (__builtin_mul_overflow(a, b, &result)) return overflow();
  } else if (b == 0) {
    return fail(kTemplateFailed, "division by zero");
  } else if (operation == "//") {
    if (b == -1 && __builtin_sub_overflow(std::int64_t{0}, a, &result)) return overflow();
    if (b != -1) result = floor_quotient(a, b);
  } else if (b != -1) {  // %; by -1 there is no rest, and the processor would trap on the smallest integer
    result = a % b;
    if (result != 0 && (result < 0) != (b < 0)) result += b;
  }
  return Value::integer(result);
}

Result<Value> arithmetic(std::string_view operation, const Value& left, const Value& right) {
  if (operation == "**") return power(left, right);
  if (left.is_whole() && right.is_whole() && operation != "/") return whole_arithmetic(operation, left.whole(), right.whole());
  const double a = left.real();
  const double b = right.real();
  if (operation == "+") return Value::number(a + b);
  if (operation == "-") return Value::number(a - b);
  if (operation == "*") return Value::number(a * b);
  if (b == 0) return fail(kTemplateFailed, "division by zero");
  if (operation == "/") return Value::number(a / b);
  if (operation == "%") return Value::number(floor_modulo(a, b));
  return Value::number(floor_quotient(a, b));
}

Result<Value> repeat_list(Heap& heap, const List& list, std::int64_t copies) {
  if (list.flavor != ListFlavor::kList && !list.is_tuple()) return fail(kTemplateFailed, "only text, lists and tuples can be repeated");
  const std::uint64_t times = copies < 0 ? 0 : static_cast<std::uint64_t>(copies);
  if (times > 0 && list.items.size() > heap.limits().steps_max / times)
    return fail(kTemplateLimit, "the template repeats a list too often");
  TRY(heap.spend(list.items.size() * times));
  std::vector<Value> items;
  items.reserve(list.items.size() * times);
  for (std::uint64_t i = 0; i < times; ++i) items.insert(items.end(), list.items.begin(), list.items.end());
  return heap.list(std::move(items), list.is_tuple() ? ListFlavor::kTuple : ListFlavor::kList);
}

Result<Value> multiply(Heap& heap, const Value& left, const Value& right) {
  const Value& many = left.is_whole() ? right : left;
  const Value& times = left.is_whole() ? left : right;
  if (!times.is_whole()) return unsupported("*", left, right);
  if (many.is(Kind::kString)) return heap.repeat(many.text(), times.whole() < 0 ? 0 : static_cast<std::uint64_t>(times.whole()));
  if (many.is(Kind::kList)) return repeat_list(heap, many.list(), times.whole());
  return unsupported("*", left, right);
}

Result<Value> add(Heap& heap, const Value& left, const Value& right) {
  if (left.is(Kind::kString) && right.is(Kind::kString)) {
    TRY(heap.scan(left.text().size() + right.text().size()));
    std::string joined;
    joined.reserve(left.text().size() + right.text().size());
    return heap.string(std::move(joined.append(left.text()).append(right.text())));
  }
  if (left.is(Kind::kList) && right.is(Kind::kList)) {
    const bool lists = left.list().flavor == ListFlavor::kList && right.list().flavor == ListFlavor::kList;
    if (!lists && !(left.list().is_tuple() && right.list().is_tuple())) return unsupported("+", left, right);
    TRY(heap.spend(left.list().items.size() + right.list().items.size()));
    std::vector<Value> items = left.list().items;
    items.insert(items.end(), right.list().items.begin(), right.list().items.end());
    return heap.list(std::move(items), lists ? ListFlavor::kList : ListFlavor::kTuple);
  }
  return unsupported("+", left, right);
}

Result<bool> equal_lists(Heap& heap, const List& left, const List& right) {
  const bool same = left.flavor == right.flavor || (left.is_tuple() && right.is_tuple());
  if (!same || left.flavor == ListFlavor::kGenerator) return &left == &right;
  if (left.items.size() != right.items.size()) return false;
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    TRY_ASSIGN(const bool equal, equals(heap, left.items[i], right.items[i]));
    if (!equal) return false;
  }
  return true;
}

Result<bool> equal_dicts(Heap& heap, const Dict& left, const Dict& right) {
  if (left.entries.size() != right.entries.size()) return false;
  for (const auto& [key, value] : left.entries) {
    const Value* other = right.find(key);
    if (other == nullptr) return false;
    TRY_ASSIGN(const bool equal, equals(heap, value, *other));
    if (!equal) return false;
  }
  return true;
}

}  // namespace

Result<Value> apply_operator(Heap& heap, std::string_view operation, const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) return arithmetic(operation, left, right);
  if (operation == "+") return add(heap, left, right);
  if (operation == "*") return multiply(heap, left, right);
  if (operation == "%" && left.is(Kind::kString)) return format_percent(heap, left.text(), right);
  return unsupported(operation, left, right);
}

Result<Value> negate(const Value& value) {
  if (value.is(Kind::kFloat)) return Value::number(-value.real());
  if (value.is_whole()) return whole_arithmetic("-", 0, value.whole());
  if (value.is(Kind::kUndefined)) return fail(kTemplateFailed, value.absence_message());
  return fail(kTemplateFailed, fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

Result<bool> equals(Heap& heap, const Value& left, const Value& right) {
  TRY(heap.spend());
  if (left.is_number() && right.is_number()) {
    return left.is_whole() && right.is_whole() ? left.whole() == right.whole() : left.real() == right.real();
  }
  if (left.kind() != right.kind()) return false;
  const Heap::Descent descent(heap);
  if (descent.too_deep()) return heap.too_deep();
  switch (left.kind()) {
    case Kind::kString: {
      if (left.text().size() != right.text().size()) return false;
      TRY(heap.scan(left.text().size()));
      return left.text() == right.text();
    }
    case Kind::kList:
      return equal_lists(heap, left.list(), right.list());
    case Kind::kDict:
      return equal_dicts(heap, left.dict(), right.dict());
    case Kind::kNamespace:
      return &left.space() == &right.space();
    case Kind::kCallable:
      return &left.callable() == &right.callable();
    case Kind::kLoop:
      return &left.loop() == &right.loop();
    default:
      return true;  // None, undefined
  }
}

Result<bool> less(Heap& heap, const Value& left, const Value& right) {
  TRY(heap.spend());
  if (left.is_number() && right.is_number()) {
    return left.is_whole() && right.is_whole() ? left.whole() < right.whole() : left.real() < right.real();
  }
  if (left.is(Kind::kString) && right.is(Kind::kString)) {
    TRY(heap.scan(std::min(left.text().size(), right.text().size())));
    return left.text() < right.text();  // UTF-8 sorts by bytes as by code points.
  }
  const bool lists = left.is(Kind::kList) && right.is(Kind::kList) &&
                     ((left.list().is_tuple() && right.list().is_tuple()) ||
                      (left.list().flavor == ListFlavor::kList && right.list().flavor == ListFlavor::kList));
  if (!lists) return unsupported("<", left, right);
  const Heap::Descent descent(heap);
  if (descent.too_deep()) return heap.too_deep();
  const auto& a = left.list().items;
  const auto& b = right.list().items;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    TRY_ASSIGN(const bool equal, equals(heap, a[i], b[i]));
    if (!equal) return less(heap, a[i], b[i]);
  }
  return a.size() < b.size();
}

Result<bool> compare(Heap& heap, std::string_view operation, const Value& left, const Value& right) {
  if (operation == "in" || operation == "not in") {
    TRY_ASSIGN(const bool found, contains(heap, right, left));
    return found == (operation == "in");
  }
  if (operation == "==" || operation == "!=") {
    TRY_ASSIGN(const bool equal, equals(heap, left, right));
    return equal == (operation == "==");
  }
  if (operation == "<") return less(heap, left, right);
  if (operation == ">") return less(heap, right, left);
  TRY_ASSIGN(const bool strictly, operation == "<=" ? less(heap, left, right) : less(heap, right, left));
  if (strictly) return true;
  return equals(heap, left, right);  // Not the negation of "greater": NaN is neither.
}

Result<bool> contains(Heap& heap, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kString:
      if (!item.is(Kind::kString))
        return fail(kTemplateFailed, fmt::format("'in <string>' requires string as left operand, not {}", type_name(item)));
      TRY(heap.scan(container.text().size()));
      return find(container.text(), item.text()) != std::string_view::npos;
    case Kind::kDict:
      if (!is_hashable(item)) return fail(kTemplateFailed, fmt::format("unhashable type: '{}'", type_name(item)));
      TRY(heap.spend(item.is(Kind::kString) ? 1 : container.dict().entries.size()));
      return container.dict().find(item) != nullptr;
    case Kind::kUndefined:
    case Kind::kList: {
      TRY_ASSIGN(const std::vector<Value> items, iterate(heap, container));
      for (const Value& candidate : items) {
        TRY_ASSIGN(const bool equal, equals(heap, candidate, item));
        if (equal) return true;
      }
      return false;
    }
    default:
      return fail(kTemplateFailed, fmt::format("argument of type '{}' is not iterable", type_name(container)));
  }
}

Result<std::vector<Value>> iterate(Heap& heap, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::kUndefined:
      return items;
    case Kind::kString:
      for (std::size_t at = 0; at < value.text().size();) {
        TRY(heap.spend());
        const std::size_t bytes = code_point_at(value.text(), at).bytes;
        items.push_back(Value::string(value.text().substr(at, bytes)));
        at += bytes;
      }
      return items;
    case Kind::kList: {
      const List& list = value.list();
      if (list.flavor == ListFlavor::kGenerator && std::exchange(list.spent, true)) return items;
      TRY(heap.spend(list.items.size()));
      return list.items;
    }
    case Kind::kDict:
      TRY(heap.spend(value.dict().entries.size()));
      for (const auto& [key, entry] : value.dict().entries) items.push_back(key);
      return items;
    default:
      return fail(kTemplateFailed, fmt::format("'{}' object is not iterable", type_name(value)));
  }
}

Result<std::int64_t> length_of(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      TRY(heap.scan(value.text().size()));
      return static_cast<std::int64_t>(count_code_points(value.text()));
    case Kind::kDict:
      return static_cast<std::int64_t>(value.dict().entries.size());
    case Kind::kList:
      if (value.list().flavor != ListFlavor::kGenerator) return static_cast<std::int64_t>(value.list().items.size());
      [[fallthrough]];
    default:
      return fail(kTemplateFailed, fmt::format("object of type '{}' has no len()", type_name(value)));
  }
}

bool resolve_index(std::int64_t index, std::size_t size, std::size_t& at) {
  const auto count = static_cast<std::int64_t>(size);
  if (index < 0) index += count;
  if (index < 0 || index >= count) return false;
  at = static_cast<std::size_t>(index);
  return true;
}

namespace {
struct Span {
  std::int64_t start, stop, step;
};

// Python's slice.indices().
Result<Span> resolve_slice(const Value& start, const Value& stop, const Value& step, std::int64_t size) {
  const auto bound = [](const Value& value, std::int64_t missing) -> Result<std::int64_t> {
    if (value.is(Kind::kNone)) return missing;
    if (!value.is_whole()) return fail(kTemplateFailed, "slice indices must be integers or None");
    return value.whole();
  };
  TRY_ASSIGN(const std::int64_t stride, bound(step, 1));
  if (stride == 0) return fail(kTemplateFailed, "slice step cannot be zero");
  const std::int64_t low = stride < 0 ? -1 : 0;
  const std::int64_t high = stride < 0 ? size - 1 : size;
  const auto clamp = [&](std::int64_t value) {
    if (value < 0) return std::max(value + size, low);
    return std::min(value, high);
  };
  TRY_ASSIGN(std::int64_t first, bound(start, 0));
  TRY_ASSIGN(std::int64_t last, bound(stop, 0));
  first = start.is(Kind::kNone) ? (stride < 0 ? high : low) : clamp(first);
  last = stop.is(Kind::kNone) ? (stride < 0 ? low : high) : clamp(last);
  return Span{first, last, std::clamp(stride, -size - 1, size + 1)};
}

template <class Visit>
void for_each_index(const Span& span, Visit visit) {
  for (std::int64_t i = span.start; span.step > 0 ? i < span.stop : i > span.stop; i += span.step) visit(static_cast<std::size_t>(i));
}
}  // namespace

Result<Value> slice(Heap& heap, const Value& subject, const Value& start, const Value& stop, const Value& step) {
  if (subject.is(Kind::kString)) {
    TRY(heap.scan(subject.text().size()));
    const std::string_view text = subject.text();
    TRY_ASSIGN(const Span span, resolve_slice(start, stop, step, static_cast<std::int64_t>(count_code_points(text))));
    if (span.step == 1) {
      if (span.start >= span.stop) return Value::string("");
      const std::size_t begin = byte_of(text, static_cast<std::size_t>(span.start));
      const std::string_view rest = text.substr(begin);
      return Value::string(rest.substr(0, byte_of(rest, static_cast<std::size_t>(span.stop - span.start))));
    }
    TRY_ASSIGN(const std::vector<Value> characters, iterate(heap, subject));
    std::string picked;
    for_each_index(span, [&](std::size_t i) { picked += characters[i].text(); });
    return heap.string(std::move(picked));
  }
  if (!subject.is(Kind::kList) || !subject.list().is_sequence()) {
    if (subject.is(Kind::kUndefined)) return fail(kTemplateFailed, subject.absence_message());
    return fail(kTemplateFailed, fmt::format("'{}' object cannot be sliced", type_name(subject)));
  }
  const List& list = subject.list();
  TRY_ASSIGN(const Span span, resolve_slice(start, stop, step, static_cast<std::int64_t>(list.items.size())));
  std::vector<Value> items;
  for_each_index(span, [&](std::size_t i) { items.push_back(list.items[i]); });
  return heap.list(std::move(items), list.is_tuple() ? ListFlavor::kTuple : ListFlavor::kList);
}

}  // namespace forebay::text::jinja
