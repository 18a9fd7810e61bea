// What the tiers of the prefix cache did so far.
#pragma once

#include <atomic>
#include <cstdint>

namespace forebay::scheduling {

struct TierStats {
  std::uint64_t hits = 0;  // requests that took their beginning from this tier
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t evictions = 0;
  std::uint64_t refused = 0;  // on disk: files that were damaged or made by another model, version or setting
};

struct PrefixCacheStats {
  std::uint64_t lookups = 0;       // requests that began
  std::uint64_t hits = 0;          // … with part of their prompt already computed
  std::uint64_t tokens_saved = 0;  // prompt tokens that were not computed again
  std::uint64_t joined = 0;        // hits that waited for another request that was computing the same prefix
  TierStats cells;
  TierStats ram;
  TierStats disk;
};

// Counted where it happens, read from anywhere; one for all workers of a model.
struct PrefixCacheCounters {
  std::atomic<std::uint64_t> lookups = 0, hits = 0, tokens_saved = 0, joined = 0, cells_hits = 0, ram_hits = 0, disk_hits = 0,
                             cells_evictions = 0;
  std::atomic<std::uint64_t> idle_texts = 0, idle_cells = 0;

  // Without the tiers that count by themselves.
  PrefixCacheStats snapshot() const {
    return {.lookups = lookups,
            .hits = hits,
            .tokens_saved = tokens_saved,
            .joined = joined,
            .cells = {.hits = cells_hits, .entries = idle_texts, .evictions = cells_evictions},
            .disk = {.hits = disk_hits}};
  }
};

}  // namespace forebay::scheduling
