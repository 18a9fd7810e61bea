// A text as it is computed: its tokens, with which adapter, and for which cache scope. Texts of different adapters or scopes have nothing
// in common, whatever their tokens. Threads: a view; as what it views.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace forebay::scheduling {

using text::Token;
using AdapterIndex = std::uint32_t;  // of the model's adapters, from 1; 0: none
using CacheScope = std::uint64_t;    // requests of one scope share what is cached; 0: those of all clients

// What must be equal before two texts may share anything.
struct TextOrigin {
  AdapterIndex adapter = 0;
  CacheScope scope = 0;

  TextOrigin(AdapterIndex with = 0, CacheScope of = 0) : adapter(with), scope(of) {}
  auto operator<=>(const TextOrigin&) const = default;
};

struct KeyedText {
  std::span<const Token> tokens;
  TextOrigin origin;

  KeyedText() = default;
  KeyedText(std::span<const Token> view, TextOrigin from = {}) : tokens(view), origin(from) {}
  KeyedText(const std::vector<Token>& view, TextOrigin from = {}) : tokens(view), origin(from) {}
  std::size_t size() const { return tokens.size(); }
  bool empty() const { return tokens.empty(); }
  KeyedText first(std::size_t count) const { return {tokens.first(count), origin}; }
};

}  // namespace forebay::scheduling
