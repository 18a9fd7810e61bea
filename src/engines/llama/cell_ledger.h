// Which sequence holds how many tokens, and how many KV cells that takes when prefixes are shared: the library does not say.
// Threads: confined to its session. Owner: LlamaGenerationSession.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace forebay::engines {

class CellLedger {
 public:
  explicit CellLedger(std::size_t sequences) : sequences_(sequences) {}
  std::size_t length(std::size_t sequence) const { return sequences_[sequence].size(); }
  std::size_t cells_used() const { return next_ - free_; }
  // New cells for the tokens after the present ones.
  void append(std::size_t sequence, std::size_t tokens);
  // Keeps the first `tokens`.
  void trim(std::size_t sequence, std::size_t tokens);
  // Gives the first `tokens` of one to the empty other: the same cells.
  void share(std::size_t from, std::size_t to, std::size_t tokens);
  // Makes the length so, whichever way.
  void resync(std::size_t sequence, std::size_t tokens);

 private:
  using Cell = std::uint64_t;
  std::vector<std::vector<Cell>> sequences_;
  std::unordered_map<Cell, std::uint32_t> shared_;  // holders of a cell beyond the first
  Cell next_ = 0;
  Cell free_ = 0;
};

}  // namespace forebay::engines
