#include "text/jinja_lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/errors.h"
#include "text/jinja_unicode.h"

namespace forebay::text::jinja {

namespace {

constexpr auto kNpos = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class Lexer {
 public:
  Lexer(std::string_view source, std::deque<std::string>& literals) : source_(source), literals_(literals) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = find_tag(at_);
      if (tag == kNpos) {
        text(at_, source_.size());
        at_ = source_.size();
        break;
      }
      TRY(tagged(tag));
    }
    emit(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  bool looking_at(std::string_view text) const { return source_.substr(at_).starts_with(text); }
  std::unexpected<Error> error(std::string message) const { return fail(kTemplateSyntax, fmt::format("line {}: {}", line_, message)); }
  void emit(TokenKind kind, std::string_view text) { tokens_.push_back({kind, line_, text}); }

  std::size_t find_tag(std::size_t from) const {
    for (std::size_t at = source_.find('{', from); at != kNpos; at = source_.find('{', at + 1)) {
      if (at + 1 >= source_.size()) return kNpos;
      const char next = source_[at + 1];
      if (next == '%' || next == '{' || next == '#') return at;
    }
    return kNpos;
  }

  void text(std::size_t begin, std::size_t end) {
    if (begin < end) emit(TokenKind::kText, source_.substr(begin, end - begin));
  }

  // Moves to `to` and counts the lines on the way; remembers whether a line has just begun.
  void advance(std::size_t to) {
    line_ += static_cast<std::uint32_t>(
        std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_), source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    if (to > at_) line_starting_ = source_[to - 1] == '\n';
    at_ = to;
  }

  void skip_blanks() {
    std::size_t to = at_;
    while (to < source_.size() && is_blank(source_[to])) ++to;
    if (to > at_) advance(to);
  }

  // The text before a tag loses blanks: all of them before "-", those of the tag's own line before a block or comment.
  std::size_t end_of_text(std::size_t begin, std::size_t tag, char sign, bool is_variable) const {
    std::size_t end = tag;
    if (sign == '-') {
      const std::string_view kept = strip(source_.substr(begin, tag - begin), Side::kRight);
      return begin + kept.size();
    }
    if (sign == '+' || is_variable) return tag;
    while (end > begin && source_[end - 1] != '\n' && is_blank(source_[end - 1])) --end;
    const bool at_line_start = end > begin ? source_[end - 1] == '\n' : line_starting_;
    return at_line_start ? end : tag;
  }

  Result<> tagged(std::size_t tag) {
    const char kind = source_[tag + 1];
    const char next = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const char sign = next == '-' || next == '+' ? next : '\0';
    text(at_, end_of_text(at_, tag, sign, kind == '{'));
    advance(tag + 2 + (sign != '\0' ? 1 : 0));
    line_starting_ = false;
    if (kind == '#') return comment();
    if (kind == '%') {
      const std::size_t body = raw_body();
      if (body != kNpos) return raw(body);
    }
    emit(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, source_.substr(tag, 2));
    return inside(kind == '%');
  }

  // After "#}", "%}": a "-" before it takes all blanks behind it, a "+" none, else one newline goes.
  void trim_after(char sign) {
    line_starting_ = false;
    if (sign == '-') {
      skip_blanks();
    } else if (sign != '+' && peek() == '\n') {
      advance(at_ + 1);
    }
  }

  Result<> comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == kNpos) return error("a comment has no end");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2);
    trim_after(sign);
    return {};
  }

  // Where the body of {% raw %} begins, or npos when this is another block.
  std::size_t raw_body() const {
    std::size_t at = at_;
    while (at < source_.size() && is_blank(source_[at])) ++at;
    if (!source_.substr(at).starts_with("raw")) return kNpos;
    at += 3;
    while (at < source_.size() && is_blank(source_[at])) ++at;
    const bool stripped = at < source_.size() && source_[at] == '-';
    if (!source_.substr(at + (stripped ? 1 : 0)).starts_with("%}")) return kNpos;
    at += stripped ? 3 : 2;
    while (stripped && at < source_.size() && is_blank(source_[at])) ++at;
    return at;
  }

  Result<> raw(std::size_t body) {
    advance(body);
    for (std::size_t tag = source_.find("{%", body); tag != kNpos; tag = source_.find("{%", tag + 2)) {
      std::size_t at = tag + 2;
      const char sign = at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
      if (sign != '\0') ++at;
      while (at < source_.size() && is_blank(source_[at])) ++at;
      if (!source_.substr(at).starts_with("endraw")) continue;
      at += 6;
      while (at < source_.size() && is_blank(source_[at])) ++at;
      const char end_sign = at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
      if (end_sign != '\0') ++at;
      if (!source_.substr(at).starts_with("%}")) continue;
      text(body, end_of_text(body, tag, sign, false));
      advance(at + 2);
      trim_after(end_sign);
      return {};
    }
    return error("a raw block has no end");
  }

  // True when the tag ended here. Inside brackets "}}" and "%}" are just characters.
  bool end_of_tag(bool is_block) {
    if (!brackets_.empty()) return false;
    const std::string_view end = is_block ? "%}" : "}}";
    const char sign = peek() == '-' || (is_block && peek() == '+') ? peek() : '\0';
    const std::size_t skip = sign != '\0' ? 1 : 0;
    if (!source_.substr(at_ + skip).starts_with(end)) return false;
    emit(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, end);
    advance(at_ + skip + 2);
    if (is_block || sign == '-') trim_after(sign);
    line_starting_ = at_ > 0 && source_[at_ - 1] == '\n';
    return true;
  }

  Result<> inside(bool is_block) {
    while (true) {
      if (at_ < source_.size() && end_of_tag(is_block)) return {};
      skip_blanks();
      if (at_ >= source_.size()) return error("the template ends inside a tag");
      if (end_of_tag(is_block)) return {};
      const char c = peek();
      if (is_digit(c)) {
        number();
      } else if (is_name_byte(c)) {
        std::size_t end = at_;
        while (end < source_.size() && is_name_byte(source_[end])) ++end;
        emit(TokenKind::kName, source_.substr(at_, end - at_));
        advance(end);
      } else if (c == '\'' || c == '"') {
        TRY(string(c));
      } else {
        TRY(operation());
      }
    }
  }

  std::size_t digits(std::size_t at, std::string_view allowed) const {
    const auto is_allowed = [&](std::size_t i) { return i < source_.size() && allowed.find(source_[i]) != kNpos; };
    while (is_allowed(at) || (at < source_.size() && source_[at] == '_' && is_allowed(at + 1) && at > at_)) ++at;
    return at;
  }

  void number() {
    constexpr std::string_view kDecimal = "0123456789";
    std::size_t end = digits(at_, kDecimal);
    bool is_float = false;
    if (at_ == 0 || source_[at_ - 1] != '.') {
      std::size_t fraction = end;
      if (fraction + 1 < source_.size() && source_[fraction] == '.' && is_digit(source_[fraction + 1])) {
        fraction = digits(fraction + 1, kDecimal);
        is_float = true;
      }
      std::size_t exponent = fraction;
      if (exponent < source_.size() && (source_[exponent] == 'e' || source_[exponent] == 'E')) {
        ++exponent;
        if (exponent < source_.size() && (source_[exponent] == '-' || source_[exponent] == '+')) ++exponent;
        if (exponent < source_.size() && is_digit(source_[exponent])) {
          fraction = digits(exponent, kDecimal);
          is_float = true;
        }
      }
      if (is_float) end = fraction;
    }
    if (!is_float && source_[at_] == '0') end = integer_after_zero();
    emit(is_float ? TokenKind::kFloat : TokenKind::kInteger, source_.substr(at_, end - at_));
    advance(end);
  }

  std::size_t integer_after_zero() const {
    const auto based = [this](std::string_view allowed) {
      const std::size_t end = digits(at_ + 2, allowed);
      return end > at_ + 2 ? end : at_ + 1;
    };
    switch (peek(1)) {
      case 'x':
      case 'X':
        return based("0123456789abcdefABCDEF");
      case 'o':
      case 'O':
        return based("01234567");
      case 'b':
      case 'B':
        return based("01");
      default:
        return digits(at_, "0");
    }
  }

  Result<> string(char quote) {
    std::size_t end = at_ + 1;
    bool has_escapes = false;
    while (end < source_.size() && source_[end] != quote) {
      has_escapes |= source_[end] == '\\';
      end += source_[end] == '\\' ? 2 : 1;
    }
    if (end >= source_.size()) return error("a string has no end");
    std::string_view value = source_.substr(at_ + 1, end - at_ - 1);
    if (has_escapes) {
      TRY_ASSIGN(std::string resolved, unescape(value));
      literals_.push_back(std::move(resolved));
      value = literals_.back();
    }
    emit(TokenKind::kString, value);
    advance(end + 1);
    return {};
  }

  Result<std::string> unescape(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out += text[i];
        continue;
      }
      const char c = text[++i];  // A backslash is never last: it would have escaped the quote.
      constexpr std::string_view kLetters = "abfnrtv\\'\"";
      constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
      if (const auto known = kLetters.find(c); known != kNpos) {
        out += kMeanings[known];
      } else if (c >= '0' && c <= '7') {
        char32_t value = 0;
        std::size_t count = 0;
        for (; count < 3 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++count, ++i)
          value = value * 8 + static_cast<char32_t>(text[i] - '0');
        --i;
        append_code_point(out, value);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        TRY_ASSIGN(const char32_t value, hexadecimal(text.substr(i + 1), c == 'x' ? 2 : c == 'u' ? 4 : 8));
        append_code_point(out, value);
        i += c == 'x' ? 2 : c == 'u' ? 4 : 8;
      } else if (c == 'N') {
        return error("names of characters (\\N) are not supported");
      } else if (c != '\n') {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  Result<char32_t> hexadecimal(std::string_view text, std::size_t digits_wanted) const {
    char32_t value = 0;
    if (text.size() < digits_wanted) return error("an escape in a string is incomplete");
    for (const char c : text.substr(0, digits_wanted)) {
      const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) return error("an escape in a string is not hexadecimal");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return error("an escape in a string is no character");
    return value;
  }

  Result<> operation() {
    std::size_t bytes = 1;
    for (const std::string_view pair : {"//", "**", "==", "!=", ">=", "<="}) {
      if (looking_at(pair)) bytes = 2;
    }
    const char c = peek();
    if (bytes == 1 && std::string_view("+-/*%~[](){}><=.:|,;").find(c) == kNpos) return error(fmt::format("unexpected character '{}'", c));
    if (c == '(' || c == '[' || c == '{') brackets_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (brackets_.empty() || brackets_.back() != c) return error(fmt::format("unexpected '{}'", c));
      brackets_.pop_back();
    }
    emit(TokenKind::kOperator, source_.substr(at_, bytes));
    advance(at_ + bytes);
    return {};
  }

  std::string_view source_;
  std::deque<std::string>& literals_;
  std::vector<Token> tokens_;
  std::string brackets_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::string normalize_newlines(std::string_view source) {
  std::string normal;
  normal.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      normal += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      normal += source[i];
    }
  }
  if (normal.ends_with('\n')) normal.pop_back();
  return normal;
}

Result<std::vector<Token>> tokenize(std::string_view source, std::deque<std::string>& literals) { return Lexer(source, literals).run(); }

}  // namespace forebay::text::jinja
