// What a runner has done so far, counted where it happens and read from anywhere.
// Threads: shared. Owner: the runner.
#pragma once

#include <atomic>
#include <cstdint>

#include "scheduling/prefix_cache_stats.h"

namespace forebay::scheduling {

struct RunnerCounters {
  std::atomic<std::uint64_t> accepted = 0, refused = 0, finished = 0, failed = 0, cancelled = 0, preempted = 0, steps = 0, rows = 0;
  std::atomic<std::uint32_t> running = 0, cells_used = 0, cells_max = 0;
  std::atomic<std::uint64_t> cache_clears = 0;  // how often that was asked for; every loop does it by itself
  PrefixCacheCounters prefix;
};

}  // namespace forebay::scheduling
