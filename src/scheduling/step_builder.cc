#include "scheduling/step_builder.h"

#include <algorithm>

#include "scheduling/step_watch.h"

namespace forebay::scheduling {

namespace {
// Calls take(sequence) for those that `wanted` names, beginning after the serial `last`, once around, until take says false.
// `running` is in the order of serials only roughly (parked sequences come back later), so the beginning is searched.
template <class Wanted, class Take>
void in_turns(std::span<const std::unique_ptr<Sequence>> running, std::uint64_t last, Wanted wanted, Take take) {
  std::size_t first = 0;
  std::uint64_t first_serial = UINT64_MAX;
  for (std::size_t i = 0; i < running.size(); ++i) {
    const std::uint64_t serial = running[i]->serial();
    if (wanted(*running[i]) && serial > last && serial < first_serial) {
      first = i;
      first_serial = serial;
    }
  }
  for (std::size_t i = 0; i < running.size(); ++i) {
    Sequence& sequence = *running[(first + i) % running.size()];
    if (wanted(sequence) && !take(sequence)) return;
  }
}
bool decodes(const Sequence& sequence) { return sequence.is_decoding(); }
bool reads_prompt(const Sequence& sequence) { return !sequence.is_decoding(); }
}  // namespace

void StepBuilder::build(std::span<const std::unique_ptr<Sequence>> running) {
  slices_.clear();
  members_.clear();
  tokens_ = 0;
  const auto suspect = std::ranges::find_if(running, [](const auto& sequence) { return sequence->suspect; });
  if (suspect != running.end()) {
    add(**suspect, std::min((*suspect)->pending(), limits_.step_tokens_max));
    return;
  }
  add_decodes(running);
  const std::size_t left = limits_.step_tokens_max - tokens_;
  add_prompts(running, tokens_ > 0 ? std::min(left, limits_.prompt_chunk_tokens) : left);
}

void StepBuilder::add(Sequence& sequence, std::size_t tokens) {
  const auto slice = sequence.tokens().subspan(sequence.computed, tokens);
  slices_.push_back({.sequence = sequence.slot,
                     .position = static_cast<std::int32_t>(sequence.computed),
                     .tokens = slice,
                     .wants_logits = tokens == sequence.pending()});
  members_.push_back(&sequence);
  tokens_ += tokens;
}

void StepBuilder::add_decodes(std::span<const std::unique_ptr<Sequence>> running) {
  in_turns(running, decode_served_, decodes, [&](Sequence& sequence) {
    if (tokens_ >= limits_.step_tokens_max) return false;
    add(sequence, 1);
    decode_served_ = sequence.serial();
    return true;
  });
}

void StepBuilder::add_prompts(std::span<const std::unique_ptr<Sequence>> running, std::size_t budget) {
  in_turns(running, prompt_served_, reads_prompt, [&](Sequence& sequence) {
    if (budget == 0) return false;
    const std::size_t tokens = std::min(budget, sequence.pending());
    add(sequence, tokens);
    budget -= tokens;
    prompt_served_ = sequence.serial();
    return true;
  });
}

std::uint64_t StepBuilder::abortable() const {
  if (slices_.size() == 1) return members_.front()->serial();
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    const std::size_t tokens = slices_[i].tokens.size();
    if (tokens > limits_.prompt_chunk_tokens && 2 * tokens > tokens_) return members_[i]->serial();
  }
  return StepWatch::kNobody;
}

}  // namespace forebay::scheduling
