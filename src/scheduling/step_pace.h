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
  // A step is to take `step_max` at most (zero: any time), though always with `chunk_min` prompt tokens, below which prompts are read at
  // half the rate (chunks of 16 instead of 64 tokens cost a quarter of the throughput, 60 M parameters on 2 cores).
  StepPace(Duration step_max, std::size_t chunk_min) : step_max_(step_max), chunk_min_(chunk_min) {}

  void note(std::size_t decodes, std::size_t prompt_tokens, Duration took);
  // For a step in which so many sequences decode; with none, as many tokens as there are.
  std::size_t prompt_tokens(std::size_t decodes) const;

 private:
  static constexpr std::size_t kChunkUnmeasured = 64;
  const Duration step_max_;
  const std::size_t chunk_min_;
  double decode_seconds_ = 0;        // of a step without prompts
  double prompt_token_seconds_ = 0;  // 0: not measured yet
};

}  // namespace forebay::scheduling
