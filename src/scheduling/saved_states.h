// The states of sequences that left their cells, kept in RAM for the request that continues one of them or begins like it.
// Bounded by bytes and, entry by entry, by the process's byte budget (CacheMemory's policy); WeighedTexts says what goes first.
// Threads: shared by all workers of one model. Owner: the generation runner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/byte_budget.h"
#include "base/memory_pressure.h"
#include "base/synchronized.h"
#include "scheduling/cache_memory.h"
#include "scheduling/prefix_cache_stats.h"
#include "scheduling/saved_state.h"
#include "scheduling/weighed_texts.h"

namespace forebay::scheduling {

struct SavedStatesOptions {
  std::size_t bytes_max = 0;    // 0: nothing is kept
  std::size_t tokens_min = 32;  // shorter texts, and texts that have fewer tokens of their own, are computed again
};

class SavedStates {
 public:
  // `budget` and `pressure` may be null; they outlive this. `dropped` gets what there is no room for, unless memory is critical; it is
  // called without the lock, on the thread that made it go, and must not block.
  SavedStates(const SavedStatesOptions& options, ByteBudget* budget, const PressureGauge* pressure,
              std::function<void(SavedStatePointer)> dropped = {});

  // Whether keeping the state of this text would save a later request enough.
  bool wants(KeyedText text) const;
  // Keeps it if there is room; what it makes superfluous (`covers_prefixes`: a state serves every beginning of its text) goes.
  void put(KeyedText text, std::vector<std::byte> bytes, bool covers_prefixes);

  struct Found {
    SavedStatePointer state;
    std::size_t tokens = 0;  // leading ones in common with the text
  };
  // The state with the longest beginning of `text` in common, at least `tokens_min` of it, renewed; `whole`: only one whose whole text
  // that is.
  std::optional<Found> find(KeyedText text, std::size_t tokens_min, bool whole);
  // How long that would be, renewing nothing.
  std::size_t longest(KeyedText text, bool whole) const;

  // Everything, the most valuable first; nothing is left.
  std::vector<SavedStatePointer> take_all();
  void clear();
  TierStats stats() const;

 private:
  using Holder = WeighedTexts::Holder;
  struct Entry {
    SavedStatePointer state;
    ByteBudget::Reservation reservation;  // until it is evicted, though somebody may hold it a moment longer
  };
  struct State {
    WeighedTexts texts;
    std::map<Holder, Entry> entries;
    std::uint64_t evictions = 0;
    std::uint64_t hits = 0;
  };
  using Gone = std::vector<SavedStatePointer>;
  void shrink_to(std::size_t bytes_max);
  bool keep(State& state, const SavedStatePointer& saved, Gone& gone);
  static void evict_down_to(State& state, std::size_t bytes_max, Gone& gone);
  void hand_on(const Gone& gone) const;

  const SavedStatesOptions options_;
  const std::function<void(SavedStatePointer)> dropped_;
  Synchronized<State> state_;
  const CacheMemory memory_;  // last: it calls shrink_to()
};

}  // namespace forebay::scheduling
