#include "engines/llama/cell_ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

namespace forebay::engines {
namespace {

TEST(CellLedger, SharedCellsCountOnceUntilTheLastHolderGoes) {
  CellLedger ledger(3);
  ledger.append(0, 10);
  ledger.share(0, 1, 6);
  ledger.share(1, 2, 4);
  EXPECT_EQ(ledger.cells_used(), 10U);
  ledger.trim(0, 0);
  EXPECT_EQ(ledger.cells_used(), 6U);
  ledger.append(2, 3);
  EXPECT_EQ(ledger.cells_used(), 9U);
  ledger.trim(1, 0);
  EXPECT_EQ(ledger.cells_used(), 7U);
  ledger.resync(2, 5);
  EXPECT_EQ(ledger.cells_used(), 5U);
  ledger.resync(2, 0);
  EXPECT_EQ(ledger.cells_used(), 0U);
}

TEST(CellLedger, AgreesWithSetsOfCells) {
  const bool agrees = rc::check("cells_used is the size of the union", [] {
    constexpr std::size_t kSequences = 4;
    CellLedger ledger(kSequences);
    std::vector<std::vector<int>> naive(kSequences);
    int next = 0;
    const auto actions = *rc::gen::arbitrary<std::vector<std::tuple<std::uint8_t, std::uint8_t, std::uint8_t>>>();
    for (const auto& [what, which, amount] : actions) {
      const std::size_t sequence = which % kSequences;
      const std::size_t other = (which / kSequences) % kSequences;
      const std::size_t tokens = amount % 16;
      if (what % 3 == 0) {
        ledger.append(sequence, tokens);
        for (std::size_t i = 0; i < tokens; ++i) naive[sequence].push_back(next++);
      } else if (what % 3 == 1) {
        ledger.trim(sequence, tokens);
        if (naive[sequence].size() > tokens) naive[sequence].resize(tokens);
      } else if (other != sequence && naive[other].empty()) {
        const std::size_t shared = std::min(tokens, naive[sequence].size());
        ledger.share(sequence, other, shared);
        naive[other].assign(naive[sequence].begin(), naive[sequence].begin() + static_cast<std::ptrdiff_t>(shared));
      }
      std::set<int> all;
      for (const auto& cells : naive) all.insert(cells.begin(), cells.end());
      RC_ASSERT(ledger.cells_used() == all.size());
      RC_ASSERT(ledger.length(sequence) == naive[sequence].size());
    }
  });
  EXPECT_TRUE(agrees);
}

}  // namespace
}  // namespace forebay::engines
