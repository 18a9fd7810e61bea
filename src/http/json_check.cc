#include "http/json_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <glaze/json/read.hpp>

#include "http/errors.h"

namespace forebay::http {

namespace {

// Recursion is bounded by this whatever the configuration says; a frame is about 200 bytes.
constexpr std::uint32_t kDepthCeiling = 1000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Eight at a time: of a large request most is digits.
const char* after_digits(const char* at, const char* last) {
  static_assert(std::endian::native == std::endian::little);
  while (last - at >= 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    const std::uint64_t others = ((bytes + 0x4646464646464646) | (bytes - 0x3030303030303030)) & 0x8080808080808080;
    if (others != 0) return at + std::countr_zero(others) / 8;
    at += 8;
  }
  while (at != last && is_digit(*at)) ++at;
  return at;
}

// After the number that begins here; nullptr when it has an exponent or is none.
const char* after_plain_number(const char* at, const char* last) {
  if (at != last && *at == '-') ++at;
  const char* const whole = at;
  while (at != last && is_digit(*at)) ++at;
  if (at == whole || (at - whole > 1 && *whole == '0')) return nullptr;
  if (at == last || *at != '.') return at;
  const char* const decimals = ++at;
  at = after_digits(at, last);
  return at == decimals ? nullptr : at;
}

// RFC 8259, one pass. Members of the outermost object are noted on the way.
class Checker {
 public:
  Checker(std::string_view text, const JsonLimits& limits, std::vector<JsonMember>* members)
      : text_(text), limits_(limits), members_(members) {}

  Result<> check() {
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
    while (at_ < text_.size() && is_json_space(text_[at_])) ++at_;
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
      skip_plain_numbers();
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

  // Those with a comma behind them, as far as nothing else comes: value() sees to the rest, and to what is wrong.
  void skip_plain_numbers() {
    const char* const last = text_.data() + text_.size();
    const char* at = text_.data() + at_;
    while ((at = after_plain_number(at, last)) != nullptr && at != last && *at == ',') {
      ++at;
      while (at != last && is_json_space(*at)) ++at;
      at_ = static_cast<std::size_t>(at - text_.data());
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
      TRY_ASSIGN(auto text, decode_json_string(std::string_view(key.data() - 1, key.size() + 2), "a key"));
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
  std::vector<JsonMember>* members_;  // null: nobody wants them
};

}  // namespace

// glaze decodes single strings; what it is given has been checked, so it can only fail on a lone surrogate.
Result<std::string> decode_json_string(std::string_view raw, const std::string& path) {
  std::string text;
  if (raw.find('\\') == std::string_view::npos) return std::string(raw.substr(1, raw.size() - 2));
  if (glz::read_json(text, raw)) {
    return fail(
        Error(kJsonNotUtf8, fmt::format("'{}' has an escape that is no character (half of a surrogate pair)", path)).with_field(path));
  }
  return text;
}

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

Result<> check_json(std::string_view text, const JsonLimits& limits) { return Checker(text, limits, nullptr).check(); }

Result<std::vector<JsonMember>> check_json_members(std::string_view text, const JsonLimits& limits) {
  std::vector<JsonMember> members;
  TRY(Checker(text, limits, &members).check());
  return members;
}

}  // namespace forebay::http
