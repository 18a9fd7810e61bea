// The tokens that are found in the text before anything else happens to it: special ones, and those added after training.
// Threads: immutable after construction. Owner: the tokenizer.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "text/prefix_trie.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace forebay::text {

class AddedTokens {
 public:
  struct Section {
    std::string_view text;       // a part of the given text
    std::optional<Token> token;  // empty: ordinary text
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedTokenPart> tokens);
  bool empty() const { return tokens_.empty(); }
  // The text in parts, none empty: the longest token at the leftmost place counts. Without `special`, special tokens stay text.
  std::vector<Section> split(std::string_view text, bool special) const;

 private:
  std::vector<AddedTokenPart> tokens_;
  PrefixTrie trie_;
};

}  // namespace forebay::text
