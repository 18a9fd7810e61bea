// Puts one step together: first one token of every decoding sequence, then prompt chunks in turns.
// Threads: confined to its engine thread. Owner: GenerationLoop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engines/text_session.h"
#include "scheduling/sequence.h"

namespace forebay::scheduling {

struct StepLimits {
  std::size_t step_tokens_max = 512;     // of the whole step
  std::size_t prompt_chunk_tokens = 64;  // prompt tokens of a step in which somebody decodes
};

class StepBuilder {
 public:
  explicit StepBuilder(StepLimits limits) : limits_(limits) {}

  // Replaces the step. Slices view the sequences' tokens, which must not change before the step is over.
  // Prompts take turns: the one after the last one served is first, and takes what it can of the budget. While one of the sequences
  // is suspect, the step is that one alone.
  void build(std::span<const std::unique_ptr<Sequence>> running);
  std::span<const engines::StepSlice> slices() const { return slices_; }
  // members()[i] is whom slices()[i] is for.
  std::span<Sequence* const> members() const { return members_; }
  std::size_t tokens() const { return tokens_; }
  // The serial of the request whose end would make the step worthless: it is alone, or the bulk of the step is its long prompt.
  std::uint64_t abortable() const;

 private:
  void add(Sequence& sequence, std::size_t tokens);
  void add_decodes(std::span<const std::unique_ptr<Sequence>> running);
  void add_prompts(std::span<const std::unique_ptr<Sequence>> running, std::size_t budget);

  const StepLimits limits_;
  std::vector<engines::StepSlice> slices_;
  std::vector<Sequence*> members_;
  std::size_t tokens_ = 0;
  std::uint64_t prompt_served_ = 0;  // serials of the last ones, so that those after them come next
  std::uint64_t decode_served_ = 0;
};

}  // namespace forebay::scheduling
