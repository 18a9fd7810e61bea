// Puts one step together: first one token of every decoding sequence, then prompts, client by client in turns.
// Threads: confined to its engine thread. Owner: GenerationLoop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engines/text_session.h"
#include "scheduling/sequence.h"
#include "scheduling/step_pace.h"

namespace forebay::scheduling {

struct StepLimits {
  std::size_t step_tokens_max = 512;  // of the whole step
  std::size_t chunk_ends_at = 0;      // no chunk of a prompt goes past a multiple of this; 0: anywhere
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
  std::size_t prompt_tokens() const { return tokens_ - decodes_; }
  // The serial of the request whose end would make the step worthless: it is alone, or the bulk of the step is its long prompt.
  std::uint64_t abortable() const;

 private:
  void add(Sequence& sequence, std::size_t tokens);
  void add_decodes(std::span<const std::unique_ptr<Sequence>> running);
  void add_prompts(std::span<const std::unique_ptr<Sequence>> running, std::size_t budget);
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
  AdapterIndex adapter_ = 0;
  std::uint64_t decode_served_ = 0;  // serial of the last one, so that those after it come next
};

}  // namespace forebay::scheduling
