#include "engines/llama/cell_ledger.h"

namespace forebay::engines {

void CellLedger::append(std::size_t sequence, std::size_t tokens) {
  for (std::size_t i = 0; i < tokens; ++i) sequences_[sequence].push_back(next_++);
}

void CellLedger::trim(std::size_t sequence, std::size_t tokens) {
  std::vector<Cell>& cells = sequences_[sequence];
  for (; cells.size() > tokens; cells.pop_back()) {
    const auto others = shared_.empty() ? shared_.end() : shared_.find(cells.back());
    if (others == shared_.end())
      ++free_;
    else if (--others->second == 0)
      shared_.erase(others);
  }
}

void CellLedger::share(std::size_t from, std::size_t to, std::size_t tokens) {
  const std::vector<Cell>& cells = sequences_[from];
  sequences_[to].assign(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(tokens));
  for (const Cell cell : sequences_[to]) ++shared_[cell];
}

void CellLedger::resync(std::size_t sequence, std::size_t tokens) {
  if (tokens < length(sequence))
    trim(sequence, tokens);
  else
    append(sequence, tokens - length(sequence));
}

}  // namespace forebay::engines
