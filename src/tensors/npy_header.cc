#include "tensors/npy_header.h"

#include <fmt/format.h>

#include <charconv>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::size_t rank_max) : text_(text), rank_max_(rank_max) {}

  Result<NpyHeader> parse() {
    if (!take('{')) return fail(broken("a dictionary is missing"));
    while (!take('}')) {
      TRY(parse_entry());
      if (take(',')) continue;
      if (!take('}')) return fail(broken("a comma or '}' is missing"));
      break;
    }
    skip_space();
    if (at_ != text_.size()) return fail(broken("more text after the dictionary"));
    if (!has_descr_ || !has_order_ || !has_shape_) return fail(kNpyInvalid, "the header lacks descr, fortran_order or shape");
    return std::move(header_);
  }

 private:
  Error broken(std::string_view what) const { return {kNpyInvalid, fmt::format("header byte {}: {}", at_, what)}; }

  Result<> parse_entry() {
    TRY_ASSIGN(const std::string key, parse_string());
    if (!take(':')) return fail(broken("a colon is missing"));
    bool* has = key == "descr" ? &has_descr_ : key == "fortran_order" ? &has_order_ : key == "shape" ? &has_shape_ : nullptr;
    if (has == nullptr) return fail(broken("an unknown key"));
    if (*has) return fail(broken("a key appears twice"));
    *has = true;
    if (has == &has_descr_) return parse_descr();
    if (has == &has_order_) return parse_order();
    return parse_shape();
  }

  Result<> parse_descr() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') return fail(kNpyUnsupported, "the file holds structures, not plain values");
    TRY_ASSIGN(header_.descr, parse_string());
    return {};
  }

  Result<> parse_order() {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    header_.column_major = rest.starts_with("True");
    if (!header_.column_major && !rest.starts_with("False")) return fail(broken("True or False is missing"));
    at_ += header_.column_major ? 4 : 5;
    return {};
  }

  Result<> parse_shape() {
    if (!take('(')) return fail(broken("the shape is no tuple"));
    while (!take(')')) {
      if (header_.shape.size() == rank_max_) return fail(kTensorTooLarge, fmt::format("more than {} dimensions", rank_max_));
      skip_space();
      std::int64_t dimension = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), dimension);
      if (error != std::errc() || dimension < 0) return fail(broken("a dimension is no number"));
      at_ = static_cast<std::size_t>(end - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so.
      header_.shape.push_back(dimension);
      if (take(',')) continue;
      // (3) is a number in Python; only (3,) is a tuple.
      if (header_.shape.size() == 1 || !take(')')) return fail(broken("a comma or ')' is missing"));
      break;
    }
    return {};
  }

  // In either quotes; type codes and keys never need escapes.
  Result<std::string> parse_string() {
    skip_space();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return fail(broken("a string is missing"));
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return fail(broken("a string does not end"));
    std::string content(text_.substr(at_ + 1, end - at_ - 1));
    if (content.contains('\\')) return fail(broken("an escape in a string"));
    at_ = end + 1;
    return content;
  }

  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  const std::string_view text_;
  const std::size_t rank_max_;
  std::size_t at_ = 0;
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
  NpyHeader header_;
};

}  // namespace

Result<NpyHeader> parse_npy_header(std::string_view text, std::size_t rank_max) { return HeaderParser(text, rank_max).parse(); }

}  // namespace forebay::tensors
