// Puts one step together: first one token of every decoding sequence, then prompts, client by client in turns. Where the library computes
// the two one after the other anyway, each is a step of its own.
// Threads: confined to its engine thread. Owner: GenerationLoop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engines/generation_session.h"
#include "scheduling/sequence.h"
#include "scheduling/step_pace.h"

namespace forebay::scheduling {

struct StepLimits {
  std::size_t step_tokens_max = 512;  // of the whole step
  std::size_t chunk_ends_at = 0;      // no chunk of a prompt goes past a multiple of this; 0: anywhere
  bool prompts_apart = false;         // while somebody decodes, steps of prompts and steps without any alternate
};

class StepBuilder {
 public:
  explicit StepBuilder(StepLimits limits) : limits_(limits) {}

  // Replaces the step. Slices view the sequences' tokens, which must not change before the step is over.
  // Prompts get at most what `pace` leaves them, and `prompt_tokens_max`. Clients take turns; of one client the prompt that came first and
  // the one with the least left are served alternately, so that prompts are read one after the other and a short one does not wait for a
  // long one. While one of the sequences is suspect, the step is that one alone. Waiting sequences have no part in it. A step has sequences
  // of one adapter only; those of the next one have the next step.
  void build(std::span<const std::unique_ptr<Sequence>> running, const StepPace& pace, std::size_t prompt_tokens_max = SIZE_MAX);
  std::span<const engines::StepSlice> slices() const { return slices_; }
  // members()[i] is whom slices()[i] is for.
  std::span<Sequence* const> members() const { return members_; }
  // All of them have it.
  AdapterIndex adapter() const { return adapter_; }
  std::size_t tokens() const { return tokens_; }
  std::size_t decodes() const { return decodes_; }
  PromptPart prompts() const;
  // The serial of the request whose end would make the step worthless: it is alone, or the bulk of the step is its long prompt.
  std::uint64_t abortable() const;

 private:
  bool decodes(const Sequence& sequence) const { return sequence.is_decoding() && sequence.adapter() == adapter_; }
  void add(Sequence& sequence, std::size_t tokens);
  void add_decodes(std::span<const std::unique_ptr<Sequence>> running);
  void find_readers(std::span<const std::unique_ptr<Sequence>> running);
  void add_prompts(std::size_t budget);
  std::size_t chunk_of(const Sequence& sequence) const;
  AdapterIndex next_adapter(std::span<const std::unique_ptr<Sequence>> running) const;

  const StepLimits limits_;
  std::vector<engines::StepSlice> slices_;
  std::vector<Sequence*> members_;
  std::size_t tokens_ = 0;
  std::size_t decodes_ = 0;
  std::uint64_t turns_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> client_turns_;  // when each client's prompts were last served
  std::vector<Sequence*> readers_;
  std::vector<Sequence*> decoders_;
  AdapterIndex adapter_ = 0;
  bool prompts_next_ = false;        // those who decode have had their step
  std::uint64_t decode_served_ = 0;  // serial of the last one, so that those after it come next
};

}  // namespace forebay::scheduling
