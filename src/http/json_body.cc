#include "http/json_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <glaze/json/read.hpp>

#include "base/nearest.h"
#include "http/errors.h"

namespace forebay::http {

namespace {

// Recursion is bounded by this whatever the configuration says; a frame is about 200 bytes.
constexpr std::uint32_t kDepthCeiling = 1000;

// glaze decodes single strings; what it is given has been checked, so it can only fail on a lone surrogate.
Result<std::string> decode_string(std::string_view raw, const std::string& path) {
  std::string text;
  if (raw.find('\\') == std::string_view::npos) return std::string(raw.substr(1, raw.size() - 2));
  if (glz::read_json(text, raw)) {
    return fail(
        Error(kJsonNotUtf8, fmt::format("'{}' has an escape that is no character (half of a surrogate pair)", path)).with_field(path));
  }
  return text;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259, one pass. Members of the outermost object are noted on the way.
class Checker {
 public:
  Checker(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  struct Span {
    std::string_view key;  // raw, without quotes
    std::string_view value;
  };
  Result<> check(std::vector<Span>* members) {
    members_ = members;
    skip_space();
    TRY(value(0));
    skip_space();
    if (at_ != text_.size()) return syntax("something follows the value");
    return {};
  }

 private:
  std::unexpected<Error> syntax(std::string_view what) const { return fail(kJsonSyntax, fmt::format("{} at byte {}", what, at_)); }
  bool more() const { return at_ < text_.size(); }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  Result<> value(std::uint32_t depth) {
    if (!more()) return syntax("the text ends early");
    switch (text_[at_]) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  Result<> word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return syntax("an unknown word");
    at_ += expected.size();
    return {};
  }

  Result<> digits() {
    if (!more() || !is_digit(text_[at_])) return syntax("a digit is missing");
    while (more() && is_digit(text_[at_])) ++at_;
    return {};
  }

  Result<> number() {
    if (text_[at_] == '-') ++at_;
    if (more() && text_[at_] == '0') {
      ++at_;
    } else {
      TRY(digits());
    }
    if (more() && text_[at_] == '.') {
      ++at_;
      TRY(digits());
    }
    if (more() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (more() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      TRY(digits());
    }
    return {};
  }

  Result<> string() {
    ++at_;
    while (more()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return {};
      }
      if (c < 0x20) return syntax("a control character inside a string");
      if (c == '\\') {
        TRY(escape());
      } else if (c < 0x80) {
        ++at_;
      } else {
        TRY(multibyte(c));
      }
    }
    return syntax("a string has no end");
  }

  Result<> escape() {
    if (++at_ >= text_.size()) return syntax("a string has no end");
    const char c = text_[at_++];
    if (c != 'u')
      return std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos ? Result<>(syntax("an unknown escape")) : Result<>();
    for (int i = 0; i < 4; ++i, ++at_) {
      if (!more() || std::string_view("0123456789abcdefABCDEF").find(text_[at_]) == std::string_view::npos)
        return syntax("\\u needs four hexadecimal digits");
    }
    return {};
  }

  // Well-formed sequences of Unicode's table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF.
  Result<> multibyte(unsigned char first) {
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    bool good = first >= 0xC2 && first <= 0xF4 && at_ + length <= text_.size();
    for (std::size_t i = 1; good && i < length; ++i) {
      const auto c = static_cast<unsigned char>(text_[at_ + i]);
      good = c >= low && c <= high;
      low = 0x80;
      high = 0xBF;
    }
    if (!good) return fail(kJsonNotUtf8, fmt::format("the bytes at {} are not UTF-8", at_));
    at_ += length;
    return {};
  }

  Result<> descend(std::uint32_t depth) {
    const auto most = std::min(limits_.depth_max, kDepthCeiling);
    if (depth > most) return fail(kJsonTooDeep, fmt::format("more than {} levels at byte {}", most, at_));
    ++at_;
    skip_space();
    return {};
  }

  Result<> array(std::uint32_t depth) {
    TRY(descend(depth));
    if (more() && text_[at_] == ']') {
      ++at_;
      return {};
    }
    while (true) {
      TRY(value(depth));
      skip_space();
      if (!more()) return syntax("an array has no end");
      const char c = text_[at_++];
      if (c == ']') return {};
      if (c != ',') {
        --at_;
        return syntax("a comma or ] is missing");
      }
      skip_space();
    }
  }

  Result<> object(std::uint32_t depth) {
    TRY(descend(depth));
    std::vector<std::string_view> keys;
    if (more() && text_[at_] == '}') {
      ++at_;
      return {};
    }
    while (true) {
      if (!more() || text_[at_] != '"') return syntax("a key is missing");
      const std::size_t key_at = at_;
      TRY(string());
      keys.push_back(text_.substr(key_at + 1, at_ - key_at - 2));
      if (keys.size() > limits_.keys_max) return fail(kTooManyItems, fmt::format("an object has more than {} keys", limits_.keys_max));
      skip_space();
      if (!more() || text_[at_] != ':') return syntax("a colon is missing");
      ++at_;
      skip_space();
      const std::size_t value_at = at_;
      TRY(value(depth));
      if (depth == 1 && members_ != nullptr) members_->push_back({keys.back(), text_.substr(value_at, at_ - value_at)});
      skip_space();
      if (!more()) return syntax("an object has no end");
      const char c = text_[at_++];
      if (c == '}') return unique(keys);
      if (c != ',') {
        --at_;
        return syntax("a comma or } is missing");
      }
      skip_space();
    }
  }

  // "a" and "\u0061" are the same key.
  Result<> unique(const std::vector<std::string_view>& keys) const {
    if (keys.size() < 2) return {};
    std::vector<std::string> decoded;
    decoded.reserve(keys.size());
    for (const auto key : keys) {
      TRY_ASSIGN(auto text, decode_string(std::string_view(key.data() - 1, key.size() + 2), "a key"));
      decoded.push_back(std::move(text));
    }
    std::ranges::sort(decoded);
    const auto twice = std::ranges::adjacent_find(decoded);
    if (twice == decoded.end()) return {};
    return fail(Error(kJsonDuplicateKey, fmt::format("'{}' stands twice in the object that ends at byte {}", twice->substr(0, 100), at_))
                    .with_field(*twice));
  }

  std::string_view text_;
  const JsonLimits& limits_;
  std::size_t at_ = 0;
  std::vector<Span>* members_ = nullptr;
};

// The end of the value that starts at `at`, in text that has been checked.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  int open = 0;
  do {
    const char c = text[at];
    if (c == '"') {
      for (++at; text[at] != '"'; ++at) at += text[at] == '\\';
      ++at;
    } else if (c == '{' || c == '[') {
      ++open, ++at;
    } else if (c == '}' || c == ']') {
      --open, ++at;
    } else if (c == ',' || c == ':' || is_space(c)) {
      ++at;
    } else {
      while (at < text.size() && std::string_view(",]} \t\r\n").find(text[at]) == std::string_view::npos) ++at;
    }
  } while (open > 0);
  return at;
}

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

Error wrong_type(const JsonValue& value, std::string_view wanted) {
  return Error(kFieldType, fmt::format("'{}' must be {}, and is {}", value.path(), wanted, name_of(value.type()))).with_field(value.path());
}

}  // namespace

Result<> check_json(std::string_view text, const JsonLimits& limits) { return Checker(text, limits).check(nullptr); }

std::string_view name_of(JsonType type) {
  switch (type) {
    case JsonType::kNull:
      return "null";
    case JsonType::kBool:
      return "true or false";
    case JsonType::kNumber:
      return "a number";
    case JsonType::kString:
      return "a string";
    case JsonType::kArray:
      return "an array";
    case JsonType::kObject:
      return "an object";
  }
  return "nothing";
}

JsonType JsonValue::type() const {
  switch (raw_.empty() ? 'n' : raw_.front()) {
    case 'n':
      return JsonType::kNull;
    case 't':
    case 'f':
      return JsonType::kBool;
    case '"':
      return JsonType::kString;
    case '[':
      return JsonType::kArray;
    case '{':
      return JsonType::kObject;
    default:
      return JsonType::kNumber;
  }
}

Result<std::string> JsonValue::string() const {
  if (type() != JsonType::kString) return fail(wrong_type(*this, "a string"));
  return decode_string(raw_, path_);
}

Result<bool> JsonValue::boolean() const {
  if (type() != JsonType::kBool) return fail(wrong_type(*this, "true or false"));
  return raw_ == "true";
}

Result<double> JsonValue::number(double min, double max) const {
  if (type() != JsonType::kNumber) return fail(wrong_type(*this, "a number"));
  double value = 0;
  const auto read = std::from_chars(raw_.data(), raw_.data() + raw_.size(), value);
  if (read.ec != std::errc() || !(value >= min && value <= max)) {
    return fail(Error(kFieldRange, fmt::format("'{}' must be between {} and {}, and is {}", path_, min, max, raw_.substr(0, 40)))
                    .with_field(path_));
  }
  return value;
}

Result<std::int64_t> JsonValue::integer(std::int64_t min, std::int64_t max) const {
  if (type() != JsonType::kNumber) return fail(wrong_type(*this, "a whole number"));
  std::int64_t value = 0;
  const auto read = std::from_chars(raw_.data(), raw_.data() + raw_.size(), value);
  if (read.ec == std::errc() && read.ptr != raw_.data() + raw_.size()) {
    // 5.0 and 1e3 are whole; doubles hold them exactly up to 2^53.
    double real = 0;
    std::from_chars(raw_.data(), raw_.data() + raw_.size(), real);
    if (real != std::floor(real) || std::abs(real) > 9007199254740992.0) {
      return fail(Error(kFieldType, fmt::format("'{}' must be a whole number, and is {}", path_, raw_.substr(0, 40))).with_field(path_));
    }
    value = static_cast<std::int64_t>(real);
  }
  if (read.ec != std::errc() || value < min || value > max) {
    return fail(Error(kFieldRange, fmt::format("'{}' must be between {} and {}, and is {}", path_, min, max, raw_.substr(0, 40)))
                    .with_field(path_));
  }
  return value;
}

Result<std::vector<JsonValue>> JsonValue::items(std::size_t items_max) const {
  if (type() != JsonType::kArray) return fail(wrong_type(*this, "an array"));
  std::vector<JsonValue> items;
  std::size_t at = 1;
  while (true) {
    while (is_space(raw_[at]) || raw_[at] == ',') ++at;
    if (raw_[at] == ']') return items;
    if (items.size() == items_max)
      return fail(Error(kTooManyItems, fmt::format("'{}' has more than {} items", path_, items_max)).with_field(path_));
    const std::size_t end = end_of_value(raw_, at);
    items.emplace_back(raw_.substr(at, end - at), fmt::format("{}[{}]", path_, items.size()));
    at = end;
  }
}

Result<JsonObject> JsonObject::parse(std::string_view text, const JsonLimits& limits) {
  if (std::ranges::all_of(text, is_space)) return fail(kBodyMissing, "the body is empty; a JSON object is wanted");
  std::vector<Checker::Span> spans;
  TRY(Checker(text, limits).check(&spans));
  const auto start = std::ranges::find_if_not(text, is_space);
  if (*start != '{') return fail(kFieldType, "the body must be a JSON object");
  JsonObject object;
  object.members_.reserve(spans.size());
  for (const auto& span : spans) {
    TRY_ASSIGN(auto name, decode_string(std::string_view(span.key.data() - 1, span.key.size() + 2), "a key"));
    object.members_.push_back({name, JsonValue(span.value, name)});
  }
  return object;
}

Result<JsonObject> JsonObject::of(const JsonValue& value) {
  if (value.type() != JsonType::kObject) return fail(wrong_type(value, "an object"));
  JsonObject object;
  object.path_ = value.path();
  const std::string_view raw = value.raw();
  std::size_t at = 1;
  while (true) {
    while (is_space(raw[at]) || raw[at] == ',') ++at;
    if (raw[at] == '}') return object;
    const std::size_t key_end = end_of_value(raw, at);
    TRY_ASSIGN(auto name, decode_string(raw.substr(at, key_end - at), value.path()));
    at = key_end;
    while (is_space(raw[at]) || raw[at] == ':') ++at;
    const std::size_t end = end_of_value(raw, at);
    JsonValue member(raw.substr(at, end - at), joined(object.path_, name));
    object.members_.push_back({std::move(name), std::move(member)});
    at = end;
  }
}

std::optional<JsonValue> JsonObject::find(std::string_view name) const {
  for (const auto& member : members_) {
    if (member.name == name && !member.value.is_null()) return member.value;
  }
  return std::nullopt;
}

Result<JsonValue> JsonObject::need(std::string_view name) const {
  if (auto value = find(name)) return *std::move(value);
  const std::string path = joined(path_, name);
  return fail(Error(kFieldMissing, fmt::format("'{}' is missing", path)).with_field(path));
}

Result<std::string> JsonObject::string_or(std::string_view name, std::string otherwise) const {
  const auto value = find(name);
  return value ? value->string() : Result<std::string>(std::move(otherwise));
}

Result<bool> JsonObject::boolean_or(std::string_view name, bool otherwise) const {
  const auto value = find(name);
  return value ? value->boolean() : Result<bool>(otherwise);
}

Result<double> JsonObject::number_or(std::string_view name, double otherwise, double min, double max) const {
  const auto value = find(name);
  return value ? value->number(min, max) : Result<double>(otherwise);
}

Result<std::int64_t> JsonObject::integer_or(std::string_view name, std::int64_t otherwise, std::int64_t min, std::int64_t max) const {
  const auto value = find(name);
  return value ? value->integer(min, max) : Result<std::int64_t>(otherwise);
}

Result<> JsonObject::only(std::span<const std::string_view> known) const {
  for (const auto& member : members_) {
    if (std::ranges::find(known, member.name) != known.end()) continue;
    Error error(kFieldUnknown, fmt::format("'{}' is not a field of this route", member.value.path().substr(0, 200)));
    std::vector<std::string> candidates(known.begin(), known.end());
    const auto meant = nearest(member.name, candidates);
    if (!meant) return fail(std::move(error).with_field(member.value.path()));
    return fail(std::move(error).with_field(member.value.path()).with_hint(fmt::format("did you mean '{}'?", *meant)));
  }
  return {};
}

}  // namespace forebay::http
