// A lower bound of the number of tokens of a text: the fewest pieces of the vocabulary that cover it. Refuses what cannot fit before a
// tokenizer spends time and memory on it.
// Threads: immutable after construction. Owner: the tokenizer.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "text/prefix_trie.h"

namespace forebay::text {

class FewestTokens {
 public:
  FewestTokens() = default;  // knows no vocabulary: every text may have 0 tokens
  // The bytes of text that each token can stand for. With `spaces_vanish`, a token may also swallow the white space beside it.
  explicit FewestTokens(std::vector<std::string> pieces, bool spaces_vanish = false);

  // False: the text has more than `most` tokens, however a tokenizer with these pieces cuts it. Bytes without a piece count nothing.
  // Costs a few trie steps a byte and stops where the bound is passed. Errors: the cancel token's, which may be null.
  Result<bool> may_fit(std::string_view text, std::size_t most, const CancelToken* cancel) const;
  std::size_t longest_piece() const { return longest_; }

 private:
  bool vanishes(unsigned char byte) const;

  PrefixTrie trie_;
  std::array<bool, 256> single_{};  // bytes that are a piece
  std::size_t longest_ = 0;
  bool all_bytes_ = false;
  bool spaces_vanish_ = false;
};

}  // namespace forebay::text
