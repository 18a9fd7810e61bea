// Who computed which beginning: chained hashes of blocks of tokens, and the holders that computed them. It is a hint for routing, so it
// may be wrong: a holder may have dropped what is noted here. Hash collisions are not checked; a wrong hint only costs a recomputation.
// A holder is one opened session; its number is never used again, so what a lost session held is never found.
// Thread safety: none; the owner locks. Owner: RoutingTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/lru.h"
#include "scheduling/keyed_text.h"

namespace forebay::scheduling {

class PrefixDirectory {
 public:
  using Holder = std::uint64_t;
  static constexpr std::size_t kBlockTokens = 32;  // the shortest prefix that decides (WorkerRouter) is one block
  static constexpr std::size_t kHoldersMax = 16;   // of one block; the oldest is forgotten

  // Remembers `blocks_max` blocks; the least recently noted or found ones go first.
  explicit PrefixDirectory(std::size_t blocks_max) : blocks_({.bytes_max = blocks_max, .entries_max = blocks_max}) {}

  // The chained hashes of a text's whole blocks.
  using Hashes = std::span<const std::uint64_t>;
  static std::vector<std::uint64_t> hashes_of(KeyedText text);

  void note(Holder holder, Hashes text);
  // Leading tokens, in whole blocks, that each of these computed.
  std::vector<std::size_t> longest(Hashes text, std::span<const Holder> holders);
  std::size_t size() const { return blocks_.size(); }

 private:
  using Blocks = Lru<std::uint64_t, std::vector<Holder>>;
  Blocks blocks_;
};

}  // namespace forebay::scheduling
