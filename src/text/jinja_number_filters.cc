// Filters that make numbers, and those for any value.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "text/errors.h"
#include "text/jinja_arguments.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_filters.h"
#include "text/jinja_operators.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

// Underscores may stand between digits.
bool drop_underscores(std::string_view text, std::string& digits) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i - 1] == '_' || text[i + 1] == '_') {
      return false;
    }
  }
  return !digits.empty();
}

bool parse_whole(std::string_view text, int base, std::int64_t& value) {
  text = strip(text, Side::kBoth);
  std::string digits;
  if (!drop_underscores(text, digits)) return false;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  const char mark = digits.size() > 2 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : '\0';
  const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  if (marked != 0 && (base == marked || base == 0)) {
    digits.erase(0, 2);
    base = marked;
  }
  if (base == 0) base = 10;
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return false;
  if (negative) digits.insert(0, "-");
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return problem == std::errc() && end == digits.data() + digits.size();
}

bool parse_real(std::string_view text, double& value) {
  text = strip(text, Side::kBoth);
  std::string digits;
  if (!drop_underscores(text, digits)) return false;
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (digits.starts_with('+') || (digits.size() > 1 && digits[1] == '+')) return false;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || digits.contains("(")) return false;
  if (problem == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);
  return true;
}

Result<Value> truncate(double value, const Value& missing) {
  if (!std::isfinite(value)) return missing;
  if (std::fabs(value) >= 9.2e18) return fail(kTemplateFailed, "an integer does not fit 64 bits");
  return Value::integer(static_cast<std::int64_t>(value));
}

Result<Value> int_filter(Evaluator&, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"default", "base"}));
  const Value missing = bound.value(0, Value::integer(0));
  TRY_ASSIGN(const std::int64_t base, bound.whole(1, 10));
  if (self.is(Kind::kUndefined)) return fail(kTemplateFailed, self.absence_message());
  if (self.is_whole()) return Value::integer(self.whole());
  if (self.is(Kind::kFloat)) return truncate(self.real(), missing);
  if (!self.is(Kind::kString)) return missing;
  if (base != 0 && (base < 2 || base > 36)) return missing;
  std::int64_t whole = 0;
  if (parse_whole(self.text(), static_cast<int>(base), whole)) return Value::integer(whole);
  double real = 0;
  return parse_real(self.text(), real) ? truncate(real, missing) : missing;
}

Result<Value> float_filter(Evaluator&, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"default"}));
  const Value missing = bound.value(0, Value::number(0));
  if (self.is(Kind::kUndefined)) return fail(kTemplateFailed, self.absence_message());
  if (self.is_number()) return Value::number(self.real());
  double real = 0;
  return self.is(Kind::kString) && parse_real(self.text(), real) ? Value::number(real) : missing;
}

Result<Value> abs_filter(Evaluator&, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  if (self.is(Kind::kFloat)) return Value::number(std::fabs(self.real()));
  if (!self.is_whole()) return fail(kTemplateFailed, fmt::format("bad operand type for abs(): '{}'", type_name(self)));
  return self.whole() < 0 ? negate(self) : Value::integer(self.whole());
}

Result<Value> round_filter(Evaluator&, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"precision", "method"}));
  TRY_ASSIGN(const std::int64_t precision, bound.whole(0, 0));
  TRY_ASSIGN(const std::string_view method, bound.text(1, "common"));
  if (!self.is_number()) return fail(kTemplateFailed, fmt::format("type {} doesn't define __round__ method", type_name(self)));
  if (precision > 300 || precision < -300) return fail(kTemplateFailed, "the precision is out of range");
  if (method == "common") {
    if (self.is_whole() && precision >= 0) return Value::integer(self.whole());
    if (!std::isfinite(self.real())) return self;
    if (precision >= 0) return Value::number(std::strtod(fmt::format("{:.{}f}", self.real(), precision).c_str(), nullptr));
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    const double rounded = std::nearbyint(self.real() / scale) * scale;
    return self.is_whole() ? Value::integer(static_cast<std::int64_t>(rounded)) : Value::number(rounded);
  }
  if (method != "ceil" && method != "floor") return fail(kTemplateFailed, "method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = self.real() * scale;
  return Value::number((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> default_filter(Evaluator&, const Value& self, Arguments& arguments) {
  TRY_ASSIGN(const Bound bound, bind(arguments, {"default_value", "boolean"}));
  const bool missing = self.is(Kind::kUndefined) || (bound.truth(1, false) && !is_true(self));
  return missing ? bound.value(0, Value::string("")) : self;
}

Result<Value> length(Evaluator& evaluator, const Value& self, Arguments& arguments) {
  TRY(bind(arguments, {}));
  TRY_ASSIGN(const std::int64_t count, length_of(evaluator.heap(), self));
  return Value::integer(count);
}

}  // namespace

NamedBuiltins number_filters() {
  static constexpr std::pair<std::string_view, Builtin> kFilters[] = {
      {"int", int_filter},         {"float", float_filter}, {"abs", abs_filter}, {"round", round_filter},
      {"default", default_filter}, {"d", default_filter},   {"length", length},  {"count", length},
  };
  return kFilters;
}

}  // namespace forebay::text::jinja
