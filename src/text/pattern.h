// A regular expression over UTF-8 with Unicode classes, as tokenizer files use them.
// Threads: immutable after construction. Owner: whoever compiled it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::text {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

class Pattern {
 public:
  // kTokenizerInvalid with the library's reason. The syntax is PCRE2's, which has everything that Oniguruma's patterns in tokenizer files
  // use.
  static Result<Pattern> compile(std::string_view source);
  // A pattern that matches exactly this text.
  static Result<Pattern> literal(std::string_view text);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // Every match from left to right, without overlap. kTokenizerLimit when matching takes too many steps.
  Result<std::vector<Span>> matches(std::string_view text) const;

 private:
  struct Code;
  explicit Pattern(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace forebay::text
