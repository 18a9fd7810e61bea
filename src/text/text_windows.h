// Cuts a long text into parts that are tokenized one by one, so that a tokenizer can stop at a limit, a deadline or a cancel.
// Threads: confined to its owner. Lifetime: views the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace forebay::text {

enum class WindowCut : std::uint8_t {
  kNone,          // the tokenizer may join anything: the text stays whole
  kAfterSpace,    // every word is tokenized by itself, and white space is no token
  kBetweenWords,  // before a space that stands between two letters or digits of ASCII
};

class TextWindows {
 public:
  static constexpr std::size_t kBytes = 64 << 10;           // of a window at least, but for the last
  static constexpr std::size_t kLookAheadMax = 1024 << 10;  // beyond that for a place to cut; without one the window ends within a word
  TextWindows(std::string_view text, WindowCut cut, std::size_t bytes = kBytes) : rest_(text), cut_(cut), bytes_(bytes) {}
  bool done() const { return rest_.empty(); }
  std::string_view next();

 private:
  bool may_cut(std::size_t at) const;
  std::string_view rest_;
  WindowCut cut_;
  std::size_t bytes_;
};

}  // namespace forebay::text
