// Who computed which beginning: chained hashes of blocks of tokens, and the holders that computed them. It is a hint for routing, so it
// may be wrong: a holder may have dropped what is noted here. Hash collisions are not checked; a wrong hint only costs a recomputation.
// A holder is one opened session; its number is never used again, so what a lost session held is never found. Threads: shared.
// Owner: WorkerPool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/lru.h"
#include "base/synchronized.h"
#include "scheduling/keyed_text.h"

namespace forebay::scheduling {

class PrefixDirectory {
 public:
  using Holder = std::uint64_t;
  static constexpr std::size_t kBlockTokens = 32;  // the shortest prefix that decides (WorkerRouter) is one block
  static constexpr std::size_t kHoldersMax = 16;   // of one block; the oldest is forgotten

  // Remembers `blocks_max` blocks; the least recently noted or found ones go first.
  explicit PrefixDirectory(std::size_t blocks_max) : blocks_(Blocks({.bytes_max = blocks_max, .entries_max = blocks_max})) {}

  void note(Holder holder, KeyedText text);
  // Leading tokens, in whole blocks, that each of these computed.
  std::vector<std::size_t> longest(KeyedText text, std::span<const Holder> holders);
  std::size_t longest(KeyedText text, Holder holder) { return longest(text, std::span(&holder, 1)).front(); }
  std::size_t size() const;

 private:
  using Blocks = Lru<std::uint64_t, std::vector<Holder>>;
  Synchronized<Blocks> blocks_;
};

}  // namespace forebay::scheduling
