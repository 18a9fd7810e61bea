// Python's two ways to put values into a format string.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/errors.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

constexpr std::size_t kFieldWidthMax = 10'000;

// %[(name)][flags][width][.precision]conversion
struct Field {
  std::string_view name;
  bool left = false, zero = false, plus = false, space = false, alternative = false;
  std::size_t width = 0;
  int precision = -1;
  char conversion = 's';
};

class PercentFormatter {
 public:
  PercentFormatter(Heap& heap, std::string_view format, const Value& arguments) : heap_(heap), format_(format), arguments_(arguments) {}

  Result<Value> run() {
    std::string out;
    while (at_ < format_.size()) {
      const std::size_t mark = std::min(format_.find('%', at_), format_.size());
      out += format_.substr(at_, mark - at_);
      at_ = mark;
      if (at_ == format_.size()) break;
      ++at_;
      if (at_ < format_.size() && format_[at_] == '%') {
        out += '%';
        ++at_;
        continue;
      }
      TRY_ASSIGN(const Field field, read_field());
      TRY_ASSIGN(const std::string text, fill(field));
      TRY(heap_.reserve(text.size()));
      out += text;
    }
    const bool is_tuple = arguments_.is(Kind::kList) && arguments_.list().is_tuple();
    // What can be subscripted may be left unused, as it may be a mapping.
    const bool is_mapping = arguments_.is(Kind::kDict) || arguments_.is(Kind::kList) || arguments_.is(Kind::kUndefined);
    if (is_tuple ? used_ < arguments_.list().items.size() : used_ == 0 && !is_mapping) {
      return fail(kTemplateFailed, "not all arguments converted during string formatting");
    }
    return heap_.string(std::move(out));
  }

 private:
  std::size_t digits() {
    std::size_t value = 0;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
      value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(format_[at_] - '0'), kFieldWidthMax + 1);
    }
    return value;
  }

  Result<Field> read_field() {
    Field field;
    if (at_ < format_.size() && format_[at_] == '(') {
      const std::size_t end = format_.find(')', at_);
      if (end == std::string_view::npos) return fail(kTemplateFailed, "incomplete format key");
      field.name = format_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    }
    for (; at_ < format_.size() && std::string_view("-0+ #").contains(format_[at_]); ++at_) {
      field.left |= format_[at_] == '-';
      field.zero |= format_[at_] == '0';
      field.plus |= format_[at_] == '+';
      field.space |= format_[at_] == ' ';
      field.alternative |= format_[at_] == '#';
    }
    field.width = digits();
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      field.precision = static_cast<int>(digits());
    }
    if (field.width > kFieldWidthMax || field.precision > 100) return fail(kTemplateLimit, "a format field is too wide");
    if (at_ >= format_.size()) return fail(kTemplateFailed, "incomplete format");
    field.conversion = format_[at_++];
    return field;
  }

  Result<Value> argument(const Field& field) {
    if (!field.name.empty()) {
      const Value* found = arguments_.is(Kind::kDict) ? arguments_.dict().find(field.name) : nullptr;
      if (found == nullptr) return fail(kTemplateFailed, fmt::format("format has no value for '{}'", field.name));
      return *found;
    }
    const bool is_tuple = arguments_.is(Kind::kList) && arguments_.list().is_tuple();
    const std::size_t count = is_tuple ? arguments_.list().items.size() : 1;
    if (used_ >= count) return fail(kTemplateFailed, "not enough arguments for format string");
    ++used_;
    return is_tuple ? arguments_.list().items[used_ - 1] : arguments_;
  }

  Result<std::string> fill(const Field& field) {
    TRY_ASSIGN(const Value value, argument(field));
    if (field.conversion == 's' || field.conversion == 'r') {
      std::string text;
      if (field.conversion == 'r') {
        TRY_ASSIGN(text, repr(heap_, value));
      } else {
        TRY_ASSIGN(text, text_of(heap_, value));
      }
      if (field.precision >= 0) text.resize(byte_of(text, static_cast<std::size_t>(field.precision)));
      return pad(field, "", text);
    }
    if (field.conversion == 'c' && value.is(Kind::kString) && count_code_points(value.text()) == 1)
      return pad(field, "", std::string(value.text()));
    if (!value.is_number())
      return fail(kTemplateFailed, fmt::format("%{} format: a number is required, not {}", field.conversion, type_name(value)));
    return number(field, value);
  }

  Result<std::string> number(const Field& field, const Value& value) {
    std::string digits;
    switch (field.conversion) {
      case 'd':
      case 'i':
      case 'u':
        if (!value.is_whole() && (!std::isfinite(value.real()) || std::fabs(value.real()) > 9e18))
          return fail(kTemplateFailed, "cannot convert float to integer");
        digits = std::to_string(value.is_whole() ? value.whole() : static_cast<std::int64_t>(value.real()));
        break;
      case 'x':
      case 'X':
      case 'o': {
        if (!value.is_whole()) return fail(kTemplateFailed, fmt::format("%{} format: an integer is required", field.conversion));
        char buffer[80];
        const auto [end, problem] = std::to_chars(buffer, buffer + sizeof(buffer), value.whole(), field.conversion == 'o' ? 8 : 16);
        digits.assign(buffer, end);
        if (field.conversion == 'X') digits = upper(digits);
        break;
      }
      case 'f':
      case 'F':
        digits = fmt::format("{:.{}f}", value.real(), field.precision < 0 ? 6 : field.precision);
        break;
      case 'e':
        digits = fmt::format("{:.{}e}", value.real(), field.precision < 0 ? 6 : field.precision);
        break;
      case 'g':
        digits = fmt::format("{:.{}g}", value.real(), field.precision < 0 ? 6 : field.precision);
        break;
      default:
        return fail(kTemplateFailed, fmt::format("unsupported format character '{}'", field.conversion));
    }
    std::string sign;
    if (digits.starts_with('-')) {
      sign = "-";
      digits.erase(0, 1);
    } else if (field.plus || field.space) {
      sign = field.plus ? "+" : " ";
    }
    return pad(field, sign, digits);
  }

  static std::string pad(const Field& field, const std::string& sign, const std::string& text) {
    const std::size_t width = sign.size() + count_code_points(text);
    if (width >= field.width) return sign + text;
    const std::size_t missing = field.width - width;
    if (field.left) return sign + text + std::string(missing, ' ');
    if (field.zero && field.conversion != 's' && field.conversion != 'r') return sign + std::string(missing, '0') + text;
    return std::string(missing, ' ') + sign + text;
  }

  Heap& heap_;
  std::string_view format_;
  const Value& arguments_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
};

}  // namespace

Result<Value> format_percent(Heap& heap, std::string_view format, const Value& arguments) {
  return PercentFormatter(heap, format, arguments).run();
}

Result<Value> format_braces(Heap& heap, std::string_view format, const Arguments& arguments) {
  std::string out;
  std::size_t next = 0;
  bool by_number = false;
  for (std::size_t at = 0; at < format.size(); ++at) {
    const char c = format[at];
    const char following = at + 1 < format.size() ? format[at + 1] : '\0';
    if ((c == '{' || c == '}') && following == c) {
      out += c;
      ++at;
      continue;
    }
    if (c == '}') return fail(kTemplateFailed, "Single '}' encountered in format string");
    if (c != '{') {
      out += c;
      continue;
    }
    const std::size_t end = format.find('}', at);
    if (end == std::string_view::npos) return fail(kTemplateFailed, "expected '}' before end of string");
    const std::string_view name = format.substr(at + 1, end - at - 1);
    at = end;
    const Value* value = nullptr;
    std::size_t position = next;
    const auto [stop, problem] = std::from_chars(name.data(), name.data() + name.size(), position);
    const bool numbered = !name.empty() && problem == std::errc();
    if (numbered ? next > 0 : name.empty() && by_number)
      return fail(kTemplateFailed, "cannot switch between automatic and manual field numbering");
    by_number |= numbered;
    if (name.empty()) ++next;
    if (name.empty() || (problem == std::errc() && stop == name.data() + name.size())) {
      if (position < arguments.positional.size()) value = &arguments.positional[position];
    } else {
      if (name.find_first_of(":!.[") != std::string_view::npos) return fail(kTemplateFailed, "format specifications are not supported");
      for (const auto& [known, given] : arguments.named) {
        if (known == name) value = &given;
      }
    }
    if (value == nullptr) return fail(kTemplateFailed, fmt::format("format has no value for '{}'", name));
    TRY_ASSIGN(const std::string_view text, text_of(heap, *value));
    TRY(heap.reserve(text.size()));
    out += text;
  }
  return heap.string(std::move(out));
}

}  // namespace forebay::text::jinja
