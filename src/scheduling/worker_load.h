// What a worker's loop says about itself after every step.
// Threads: plain values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace forebay::scheduling {

// Tokens a running sequence is expected to add soon: room for so many is kept free for each before another one is admitted.
inline constexpr std::size_t kCellsAhead = 128;

// How busy a loop is, as it last said.
struct WorkerLoad {
  std::uint32_t sequences = 0;  // running and parked
  std::uint32_t parked = 0;
  std::uint32_t sequences_max = 0;
  std::uint32_t cells_used = 0;    // by everybody, what finished texts left behind included
  std::uint32_t cells_needed = 0;  // by running sequences, now and soon
  std::uint32_t cells_max = 0;
};

}  // namespace forebay::scheduling
