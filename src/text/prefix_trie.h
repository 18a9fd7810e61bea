// A set of byte strings with numbers, asked for those a text begins with.
// Threads: immutable after construction. Owner: whoever built it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace forebay::text {

class PrefixTrie {
 public:
  struct Found {
    std::size_t bytes = 0;
    std::uint32_t value = 0;
  };

  PrefixTrie() = default;
  // Of equal strings the last one counts. Empty strings are left out.
  explicit PrefixTrie(std::vector<std::pair<std::string, std::uint32_t>> entries);

  // Calls `visit(Found)` for every entry that `text` begins with, the shortest first.
  template <class Visit>
  void for_each_prefix(std::string_view text, Visit visit) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == 0) return;
      if (nodes_[node].value != kNothing) visit(Found{i + 1, nodes_[node].value});
    }
  }
  std::optional<Found> longest_prefix(std::string_view text) const;
  std::size_t bytes() const { return nodes_.size() * sizeof(Node); }

 private:
  static constexpr std::uint32_t kNothing = 0xFFFFFFFF;
  struct Node {
    std::uint32_t value = kNothing;
    std::uint32_t children = 0;  // where they begin in nodes_, in the order of their bytes
    std::uint16_t count = 0;
    unsigned char byte = 0;
  };
  std::uint32_t child(std::uint32_t node, unsigned char byte) const;  // 0: none

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;  // by first byte
};

}  // namespace forebay::text
