#include "text/text_windows.h"

namespace forebay::text {

namespace {
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
}  // namespace

// Whether a window may end before the byte at `at`, which is neither the first nor the last one.
bool TextWindows::may_cut(std::size_t at) const {
  if (cut_ == WindowCut::kAfterSpace) return is_space(rest_[at - 1]);
  return rest_[at] == ' ' && is_word(rest_[at - 1]) && is_word(rest_[at + 1]);
}

std::string_view TextWindows::next() {
  std::size_t end = rest_.size();
  if (cut_ != WindowCut::kNone && rest_.size() > bytes_) {
    end = bytes_;
    while (end + 1 < rest_.size() && end - bytes_ < kLookAheadMax && !may_cut(end)) ++end;
    if (end + 1 >= rest_.size()) end = rest_.size();
    while (end < rest_.size() && (static_cast<unsigned char>(rest_[end]) & 0xC0U) == 0x80U) ++end;  // no half characters
  }
  const auto window = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return window;
}

}  // namespace forebay::text
