// Steps sequences of tokens through a language model.
// Threads: confined to its engine thread. Owner: scheduling's worker.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace forebay::engines {

using text::Token;
using SequenceId = std::int32_t;  // 0 <= id < sequences_max

// Where a session keeps keys and values.
enum class CacheLayout : std::uint8_t {
  kUnified,      // one pool of cells for all sequences: a shared prefix is held once
  kPerSequence,  // cells for each sequence: sharing copies them, and a step is fastest when its sequences are numbered without gaps
};

struct GenerationSessionOptions {
  std::uint32_t context_tokens = 0;     // KV cells in all; 0: unified, one trained context (at most 8,192) and at least 1,024 a
                                        // sequence; per sequence, the trained length of each, at most 4,096
  std::uint32_t sequences_max = 8;      // at most 256 (libllama)
  std::uint32_t step_tokens_max = 512;  // of one step over all sequences
  std::uint32_t step_logits_max = 0;    // positions of one step that may have logits; 0: one for each sequence
  CacheLayout layout = CacheLayout::kUnified;
  std::size_t threads = 0;  // 0: as loaded
};

// Effective settings. The library may have rounded or reduced what was requested.
struct GenerationSessionInfo {
  std::uint32_t context_tokens = 0;
  std::uint32_t sequence_tokens_max = 0;
  std::uint32_t sequences_max = 0;
  std::uint32_t step_tokens_max = 0;
  std::uint32_t step_logits_max = 0;
  std::uint32_t vocabulary_size = 0;
  CacheLayout layout = CacheLayout::kUnified;
  bool can_trim = true;   // part of a sequence can be dropped (false: recurrent, hybrid)
  bool can_share = true;  // a prefix of one sequence can be given to another
  // Library, version and layout of the cells. A saved state of another format cannot be restored.
  std::string state_format;
};

// Consecutive tokens of one sequence. A sequence appears at most once in a step.
struct StepSlice {
  SequenceId sequence = 0;
  std::int32_t position = 0;  // of tokens[0]; must be length(sequence)
  std::span<const Token> tokens;
  std::uint32_t logits = 0;  // computed for so many last tokens; at most tokens.size()
};

enum class StepOutcome : std::uint8_t {
  kDone,
  kNoCells,  // nothing was computed: free cells, or offer less
  kAborted,  // cancelled inside; length() says what each sequence holds
};

class GenerationSession {
 public:
  virtual ~GenerationSession() = default;
  virtual const GenerationSessionInfo& info() const = 0;

  // Computes the slices, at most step_tokens_max tokens in all. `abort` reaches the library while it computes.
  // kStepFailed when the library refuses or breaks; kBadStep for slices that break the promises above.
  virtual Result<StepOutcome> step(std::span<const StepSlice> slices, const CancelToken& abort) = 0;
  // Logits of one token of the slice with that index in the last step: vocabulary_size floats, valid until the next step. `row` counts
  // from the first token of the slice that has logits. Empty where there are none.
  virtual std::span<const float> logits(std::size_t slice, std::size_t row = 0) const = 0;

  // How long the last step waited for other sessions before it could compute.
  virtual std::chrono::nanoseconds waited() const { return {}; }

  // No step follows for now: threads that wait for the next one end. What was computed stays.
  virtual void rest() {}

  virtual std::int32_t length(SequenceId sequence) const = 0;  // tokens it holds
  virtual std::uint32_t cells_used() const = 0;
  // Keeps the first `tokens`; false where the model cannot (info().can_trim), except for 0, which always works.
  virtual bool trim(SequenceId sequence, std::int32_t tokens) = 0;
  // Gives the first `tokens` of `from` to the empty sequence `to`.
  virtual Result<> share(SequenceId from, SequenceId to, std::int32_t tokens) = 0;
  // The sequence's state as bytes, and back into an empty sequence. States are this library's own: never take them from a client.
  virtual Result<std::vector<std::byte>> save(SequenceId sequence) = 0;
  virtual Result<> restore(SequenceId sequence, std::span<const std::byte> state, std::int32_t tokens) = 0;

  // Low-rank adapters, by path, with their scales; an empty list removes them. Changes every sequence: the caller groups by adapter.
  struct Adapter {
    std::string path;
    float scale = 1.0F;
  };
  virtual Result<> set_adapters(std::span<const Adapter> adapters) = 0;
};

// Checks what step() requires of its slices. Errors: kBadStep.
Result<> check_step(std::span<const StepSlice> slices, const GenerationSession& session);

}  // namespace forebay::engines
