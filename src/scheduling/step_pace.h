// How many prompt tokens fit into a step beside the sequences that decode, so that nobody waits longer for the next token than promised.
// Learns from every step what a step of decodes takes and what each prompt token adds; both follow the load, as attention grows with the
// context. Threads: confined to its engine thread; told the time. Owner: GenerationLoop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace forebay::scheduling {

class StepPace {
 public:
  // The library's attention works on tiles of so many tokens, and passes through a slow path with fewer: at 2,500 tokens of context a chunk
  // of 64 takes 571 ms, one of 128 takes 349 (60 M parameters, 2 cores). Chunks are whole tiles.
  static constexpr std::size_t kTileTokens = 64;

  // A step is to take `step_max` at most (zero: any time), though always with `chunk_min` tokens of prompts. `together`: one pool of cells,
  // where decoded tokens lie in the same tiles.
  StepPace(Duration step_max, std::size_t chunk_min, bool together) : step_max_(step_max), chunk_min_(chunk_min), together_(together) {}

  void note(std::size_t decodes, std::size_t prompt_tokens, Duration took);
  // For a step in which so many sequences decode; with none, as many tokens as there are.
  std::size_t prompt_tokens(std::size_t decodes) const;

 private:
  static constexpr std::size_t kChunkUnmeasured = 128;
  std::size_t in_tiles(std::size_t tokens, std::size_t decodes) const;
  const Duration step_max_;
  const std::size_t chunk_min_;
  const bool together_;
  double decode_seconds_ = 0;        // of a step without prompts
  double prompt_token_seconds_ = 0;  // 0: not measured yet
};

}  // namespace forebay::scheduling
