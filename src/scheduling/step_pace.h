// How many prompt tokens fit into a step beside the sequences that decode, so that nobody waits longer for the next token than promised.
// Learns from every step what a step of decodes takes, and what a prompt token takes at its place: attention grows with what stands before.
// Threads: confined to its engine thread; told the time. Owner: GenerationLoop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace forebay::scheduling {

// The prompt tokens of a step.
struct PromptPart {
  std::size_t tokens = 0;
  double mean_position = 0;  // in their texts
};

class StepPace {
 public:
  // The library's attention works on tiles of so many tokens, and passes through a slow path with fewer: at 2,560 tokens of context 63 take
  // 565 ms, 64 take 173 and 128 take 329 (60 M parameters, 2 cores). Chunks are whole tiles.
  static constexpr std::size_t kTileTokens = 64;

  // A step is to take `step_max` at most (zero: any time), though always with `chunk_min` tokens of prompts. `together`: decoded tokens
  // lie in the same tiles; else they have a step of their own, and the two are to take `step_max` at most.
  StepPace(Duration step_max, std::size_t chunk_min, bool together) : step_max_(step_max), chunk_min_(chunk_min), together_(together) {}

  void note(std::size_t decodes, const PromptPart& prompts, Duration took);
  // For a step in which so many sequences decode, and the prompt stands at this position; with none, as many tokens as there are.
  std::size_t prompt_tokens(std::size_t decodes, std::size_t position) const;
  // One tile of a prompt in such a step.
  std::size_t tile_tokens(std::size_t decodes) const { return decodes == 0 ? kTileTokens : in_tiles(kTileTokens, decodes); }

 private:
  // Seconds of a prompt token as a line over its position, fitted to what was measured, the newest most. Where all of it was measured at
  // about one position, the slope stays what it was.
  class TokenCost {
   public:
    void note(const PromptPart& prompts, double seconds);
    bool is_known() const { return weight_ > 0; }
    // How many tokens take so long together, from this position on.
    double tokens_within(double seconds, double position) const;

   private:
    double weight_ = 0;  // sums over the measurements, weighted by tokens and age
    double positions_ = 0;
    double positions_squared_ = 0;
    double costs_ = 0;
    double products_ = 0;
    double slope_ = 0;
  };
  std::size_t in_tiles(std::size_t tokens, std::size_t decodes) const;

  const Duration step_max_;
  const std::size_t chunk_min_;
  const bool together_;
  double decode_seconds_ = 0;  // of a step without prompts
  TokenCost token_cost_;
  std::size_t last_tokens_ = 0;  // of prompts, in the last step with any
};

}  // namespace forebay::scheduling
