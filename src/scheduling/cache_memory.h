// The memory of a runner's cache. Every cache follows one policy:
//   - What it holds is reserved in the process's byte budget. If there is no room, its own oldest entries go; other caches keep theirs.
//   - Under elevated memory pressure it holds a quarter of its maximum, under critical pressure nothing.
//   - When a model that is being loaded or a further worker finds no room in the budget, caches give up theirs in the order below.
// Thread safety: shared. Owner: the cache; it ends before what its callbacks use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/byte_budget.h"
#include "base/memory_pressure.h"

namespace forebay::scheduling {

enum class CacheKind : std::uint8_t { kAnswers, kVectors, kStates };  // in the order in which they are given up

struct CacheUse {
  std::function<std::size_t()> bytes;                    // that it holds
  std::function<void(std::size_t bytes_max)> shrink_to;  // evicts the oldest entries; must not block, throw, or reserve
};

class CacheMemory {
 public:
  // Both may be null: there is no limit but `bytes_max`, and never any pressure. They outlive this.
  CacheMemory(CacheKind kind, std::size_t bytes_max, ByteBudget* budget, const PressureGauge* pressure, CacheUse use);
  CacheMemory(const CacheMemory&) = delete;
  CacheMemory& operator=(const CacheMemory&) = delete;

  // Under the present pressure. A cache reads it under its own lock before it adds an entry.
  std::size_t bytes_allowed() const;
  bool is_critical() const { return pressure_ != nullptr && pressure_->level() == PressureLevel::kCritical; }
  ByteBudget* budget() const { return budget_; }

 private:
  const std::size_t bytes_max_;
  ByteBudget* const budget_;
  const PressureGauge* const pressure_;
  const CacheUse use_;
  PressureGauge::Subscription on_pressure_;
  ByteBudget::Reclaimable on_shortage_;
};

}  // namespace forebay::scheduling
