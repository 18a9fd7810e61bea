#include "text/prefix_trie.h"

#include <algorithm>
#include <deque>

namespace forebay::text {

PrefixTrie::PrefixTrie(std::vector<std::pair<std::string, std::uint32_t>> entries) {
  std::ranges::stable_sort(entries, {}, &std::pair<std::string, std::uint32_t>::first);
  struct Part {  // entries that share the first `depth` bytes
    std::uint32_t node;
    std::size_t begin, end, depth;
  };
  nodes_.emplace_back();
  std::deque<Part> parts{{0, 0, entries.size(), 0}};
  while (!parts.empty()) {
    const Part part = parts.front();
    parts.pop_front();
    std::size_t at = part.begin;
    for (; at < part.end && entries[at].first.size() == part.depth; ++at) {
      if (part.depth > 0) nodes_[part.node].value = entries[at].second;
    }
    nodes_[part.node].children = static_cast<std::uint32_t>(nodes_.size());
    while (at < part.end) {
      const auto byte = static_cast<unsigned char>(entries[at].first[part.depth]);
      std::size_t end = at + 1;
      while (end < part.end && static_cast<unsigned char>(entries[end].first[part.depth]) == byte) ++end;
      parts.push_back({static_cast<std::uint32_t>(nodes_.size()), at, end, part.depth + 1});
      nodes_.push_back({.byte = byte});
      ++nodes_[part.node].count;
      at = end;
    }
  }
  roots_.assign(256, 0);
  for (std::uint32_t i = 0; i < nodes_[0].count; ++i) roots_[nodes_[nodes_[0].children + i].byte] = nodes_[0].children + i;
}

std::uint32_t PrefixTrie::child(std::uint32_t node, unsigned char byte) const {
  if (node == 0) return roots_.empty() ? 0 : roots_[byte];
  const Node& parent = nodes_[node];
  std::uint32_t low = parent.children;
  std::uint32_t count = parent.count;
  while (count > 0) {
    const std::uint32_t half = count / 2;
    const unsigned char middle = nodes_[low + half].byte;
    if (middle == byte) return low + half;
    if (middle < byte) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return 0;
}

std::optional<PrefixTrie::Found> PrefixTrie::longest_prefix(std::string_view text) const {
  std::optional<Found> longest;
  for_each_prefix(text, [&longest](const Found& found) { longest = found; });
  return longest;
}

}  // namespace forebay::text
