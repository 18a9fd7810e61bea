// Texts that are kept somewhere within a number of bytes: which of them begins like a given one, and which goes first when there is no
// room. That is what was used longest ago, weighed by what it would cost to compute again for each byte (GreedyDual-Size: Cao and Irani,
// "Cost-Aware WWW Proxy Caching Algorithms", 1997): tokens that another text has too cost nothing.
// Threads: confined to its owner. Owner: SavedStates, StateFolder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "scheduling/prefix_tree.h"

namespace forebay::scheduling {

class WeighedTexts {
 public:
  using Holder = PrefixTree::Holder;

  // As the one used last.
  Holder add(KeyedText text, std::size_t bytes);
  void remove(Holder holder);
  // It is used now.
  void renew(Holder holder);
  // Removes the one that goes first; everything that stays ages by what that one was worth. There must be one.
  Holder evict();
  void clear();

  // The one with the longest beginning of `text` in common, at least `tokens_min` of it; `whole`: only one whose whole text that is.
  PrefixTree::Match longest(KeyedText text, std::size_t tokens_min, bool whole) const;
  // Those that this text makes superfluous: the same text, and where a state serves every beginning of its text, its beginnings.
  std::vector<Holder> covered_by(KeyedText text, bool with_beginnings) const;

  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return entries_.size(); }

 private:
  // Lowest goes first: the inflation at its last use plus its worth, then its last use.
  using Rank = std::pair<double, std::uint64_t>;
  struct Entry {
    std::size_t bytes = 0;
    double worth_per_byte = 0;
    Rank rank;
  };
  PrefixTree tree_;
  std::map<Holder, Entry> entries_;
  std::set<std::pair<Rank, Holder>> order_;
  Holder next_ = 1;
  std::uint64_t uses_ = 0;
  double inflation_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace forebay::scheduling
