// What the answers that were not computed came from. Plain data. Threads: immutable.
#pragma once

#include <cstdint>

namespace forebay::scheduling {

struct AnswerCacheStats {
  bool enabled = false;  // whether answers are kept; identical requests in flight share one run all the same
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t shared = 0;  // requests that were answered by the run of an identical one
};

}  // namespace forebay::scheduling
