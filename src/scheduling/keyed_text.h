// A text as it is computed: its tokens, and with which adapter. Texts with different adapters have nothing in common, whatever their
// tokens. Threads: a view; as what it views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace forebay::scheduling {

using text::Token;
using AdapterIndex = std::uint32_t;  // of the model's adapters, from 1; 0: none

struct KeyedText {
  std::span<const Token> tokens;
  AdapterIndex adapter = 0;

  KeyedText() = default;
  KeyedText(std::span<const Token> view, AdapterIndex with = 0) : tokens(view), adapter(with) {}
  KeyedText(const std::vector<Token>& view, AdapterIndex with = 0) : tokens(view), adapter(with) {}
  std::size_t size() const { return tokens.size(); }
  bool empty() const { return tokens.empty(); }
  KeyedText first(std::size_t count) const { return {tokens.first(count), adapter}; }
};

}  // namespace forebay::scheduling
