// The states of sequences that left their cells, kept in RAM for the request that continues one of them or begins like it.
// Bounded by bytes and, entry by entry, by the process's byte budget. What goes first is what was used longest ago, weighed by what it
// would cost to compute again for each byte (GreedyDual-Size: Cao and Irani, "Cost-Aware WWW Proxy Caching Algorithms", 1997): tokens
// that another entry holds too cost nothing. Under memory pressure it shrinks to a quarter, then to nothing.
// Threads: shared by all workers of one model. Owner: the generation runner.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/byte_budget.h"
#include "base/memory_pressure.h"
#include "base/synchronized.h"
#include "scheduling/prefix_cache_stats.h"
#include "scheduling/prefix_tree.h"

namespace forebay::scheduling {

struct SavedState {
  std::vector<Token> tokens;
  std::vector<std::byte> bytes;  // as TextSession::save() gave them
};
using SavedStatePointer = std::shared_ptr<const SavedState>;

struct SavedStatesOptions {
  std::size_t bytes_max = 0;    // 0: nothing is kept
  std::size_t tokens_min = 32;  // shorter texts, and texts that have fewer tokens of their own, are computed again
};

class SavedStates {
 public:
  // `budget` and `pressure` may be null; they outlive this. `dropped` gets what is evicted for want of room (not under pressure); it is
  // called without the lock, on the evicting thread, and must not block.
  SavedStates(const SavedStatesOptions& options, ByteBudget* budget, const PressureGauge* pressure,
              std::function<void(SavedStatePointer)> dropped = {});

  // Whether keeping the state of this text would save a later request enough.
  bool wants(std::span<const Token> tokens) const;
  // Keeps it if there is room; what it makes superfluous (`covers_prefixes`: a state serves every beginning of its text) goes.
  void put(std::vector<Token> tokens, std::vector<std::byte> bytes, bool covers_prefixes);

  struct Found {
    SavedStatePointer state;
    std::size_t tokens = 0;  // leading ones in common with the text
  };
  // The state with the longest beginning of `text` in common, at least `tokens_min` of it, renewed; `whole`: only one whose whole text
  // that is.
  std::optional<Found> find(std::span<const Token> text, std::size_t tokens_min, bool whole);
  // How long that would be, renewing nothing.
  std::size_t longest(std::span<const Token> text, bool whole) const;

  // Evicts until at most so many bytes are left. What is evicted goes to `dropped` only if `keep_elsewhere`.
  void shrink(std::size_t bytes_max, bool keep_elsewhere);
  TierStats stats() const;

 private:
  using Holder = PrefixTree::Holder;
  struct Entry {
    SavedStatePointer state;
    ByteBudget::Reservation reservation;  // until it is evicted, though somebody may hold it a moment longer
    double worth_per_byte = 0;
    std::pair<double, std::uint64_t> rank;  // lowest goes first: the inflation at its last use plus its worth, then its last use
  };
  struct State {
    PrefixTree tree;
    std::map<Holder, Entry> entries;
    std::set<std::pair<std::pair<double, std::uint64_t>, Holder>> order;
    Holder next = 1;
    std::uint64_t uses = 0;
    double inflation = 0;
    std::size_t bytes = 0;
    std::uint64_t evictions = 0;
    std::uint64_t hits = 0;
  };
  using Evicted = std::vector<SavedStatePointer>;
  std::size_t bytes_allowed() const;
  static PrefixTree::Match best(const State& state, std::span<const Token> text, std::size_t tokens_min, bool whole);
  static void renew(State& state, Holder holder);
  static SavedStatePointer remove(State& state, Holder holder);
  static void evict_down_to(State& state, std::size_t bytes_max, Evicted& evicted);

  const SavedStatesOptions options_;
  ByteBudget* const budget_;
  const PressureGauge* const pressure_;
  const std::function<void(SavedStatePointer)> dropped_;
  Synchronized<State> state_;
  PressureGauge::Subscription on_pressure_;
};

}  // namespace forebay::scheduling
