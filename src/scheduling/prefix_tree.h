// Which holders (sequences of a session, saved states) have which beginning of a text: a radix tree over token ids,
// one for each adapter and cache scope. It knows which text each holder was set to, and nothing of cells or bytes.
//   Source of the idea: RadixAttention in "SGLang: Efficient Execution of Structured Language Model Programs", arXiv:2312.07104, section 3.
// Threads: confined to its owner. Owner: PrefixCache, WeighedTexts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "scheduling/keyed_text.h"

namespace forebay::scheduling {

class PrefixTree {
 public:
  using Holder = std::uint64_t;

  PrefixTree();
  ~PrefixTree();

  // The holder has exactly these tokens from now on; none forgets it.
  void set(Holder holder, KeyedText text);
  void erase(Holder holder) { set(holder, std::span<const Token>()); }
  // The second holder, which has nothing, gets what the first has.
  void rename(Holder from, Holder to);
  // Tokens it has; 0 for one that is not here.
  std::size_t length(Holder holder) const;
  std::size_t holders() const { return ends_.size(); }

  struct Match {
    Holder holder = 0;
    std::size_t tokens = 0;  // how many leading tokens it has in common with the text
  };
  // Calls look(match) for every holder that has at least `tokens_min` (1 or more) leading tokens of `text`, longest first, until it
  // returns true; then so does this. Takes time in the length of the text and the number of holders looked at.
  bool search(KeyedText text, std::size_t tokens_min, const std::function<bool(const Match&)>& look) const;

  // For tests: every edge is longer than nothing, and no node could be joined with its only child.
  bool is_compact() const;

 private:
  struct Node {
    Node* parent = nullptr;
    std::vector<Token> edge;  // from the parent to here; empty at the root
    std::size_t depth = 0;    // tokens from the root to here
    std::map<Token, std::unique_ptr<Node>> children;
    std::vector<Holder> ending;  // whose text ends here
  };
  Node* reach(KeyedText text);
  static Node* split(Node* node, std::size_t edge_tokens);
  static void prune(Node* node);
  static bool look_below(const Node& node, std::size_t common, const Node* except, const std::function<bool(const Match&)>& look);

  std::map<TextOrigin, std::unique_ptr<Node>> roots_;
  std::unordered_map<Holder, Node*> ends_;
};

}  // namespace forebay::scheduling
