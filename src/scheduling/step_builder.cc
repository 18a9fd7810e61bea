#include "scheduling/step_builder.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "scheduling/step_watch.h"

namespace forebay::scheduling {

namespace {
// A smaller chunk is over before it would be worth computing everybody else's tokens again.
constexpr std::size_t kAbortableTokens = 64;
}  // namespace

void StepBuilder::build(std::span<const std::unique_ptr<Sequence>> running, const StepPace& pace, std::size_t prompt_tokens_max) {
  slices_.clear();
  members_.clear();
  tokens_ = decodes_ = 0;
  const auto suspect = std::ranges::find_if(running, [](const auto& sequence) { return sequence->suspect && !sequence->waiting; });
  adapter_ = suspect != running.end() ? (*suspect)->adapter() : next_adapter(running);
  if (suspect != running.end()) {
    add(**suspect, std::min((*suspect)->pending(), limits_.step_tokens_max));
    return;
  }
  find_readers(running);
  const auto decoding =
      static_cast<std::size_t>(std::ranges::count_if(running, [this](const auto& sequence) { return decodes(*sequence); }));
  const bool apart = limits_.prompts_apart && decoding > 0;
  const bool only_prompts = apart && prompts_next_ && !readers_.empty();
  if (!only_prompts) add_decodes(running);
  decodes_ = tokens_;
  if (!readers_.empty() && (!apart || only_prompts)) {
    const std::size_t in_time = pace.prompt_tokens(decoding, readers_.front()->computed);
    add_prompts(std::min({limits_.step_tokens_max - tokens_, in_time, prompt_tokens_max}));
  }
  prompts_next_ = decodes_ > 0;
}

// The next one after the last step's, once around.
AdapterIndex StepBuilder::next_adapter(std::span<const std::unique_ptr<Sequence>> running) const {
  std::optional<AdapterIndex> next;
  std::optional<AdapterIndex> lowest;
  for (const auto& sequence : running) {
    if (sequence->waiting) continue;
    const AdapterIndex adapter = sequence->adapter();
    if (adapter > adapter_ && (!next || adapter < *next)) next = adapter;
    if (!lowest || adapter < *lowest) lowest = adapter;
  }
  return next.value_or(lowest.value_or(0));
}

void StepBuilder::add(Sequence& sequence, std::size_t tokens) {
  const auto slice = sequence.tokens().subspan(sequence.computed, tokens);
  slices_.push_back({.sequence = sequence.slot,
                     .position = static_cast<std::int32_t>(sequence.computed),
                     .tokens = slice,
                     .logits = tokens == sequence.pending() ? 1U : 0U});
  members_.push_back(&sequence);
  tokens_ += tokens;
}

// If there are more than a step takes, the next step continues after the last serial of this one, once around. The order of `running` says
// nothing: it changes when sequences move to other slots and when parked ones come back.
void StepBuilder::add_decodes(std::span<const std::unique_ptr<Sequence>> running) {
  decoders_.clear();
  for (const auto& sequence : running) {
    if (decodes(*sequence)) decoders_.push_back(sequence.get());
  }
  if (decoders_.size() > limits_.step_tokens_max) {
    std::ranges::sort(decoders_, {}, &Sequence::serial);
    std::ranges::rotate(decoders_, std::ranges::upper_bound(decoders_, decode_served_, {}, &Sequence::serial));
    decoders_.resize(limits_.step_tokens_max);
    decode_served_ = decoders_.back()->serial();
  }
  for (Sequence* sequence : decoders_) add(*sequence, 1);
}

// In the order of their turns.
void StepBuilder::find_readers(std::span<const std::unique_ptr<Sequence>> running) {
  readers_.clear();
  for (const auto& sequence : running) {
    if (!sequence->is_decoding() && !sequence->waiting && sequence->adapter() == adapter_) readers_.push_back(sequence.get());
  }
  if (readers_.empty()) client_turns_.clear();
  const bool shortest_first = turns_ % 2 == 1;
  const auto turn = [&](const Sequence* sequence) {
    const auto client = client_turns_.find(sequence->ticket().client);
    return std::tuple(client == client_turns_.end() ? 0 : client->second, shortest_first ? sequence->pending() : 0, sequence->serial());
  };
  std::ranges::sort(readers_, {}, turn);
}

void StepBuilder::add_prompts(std::size_t budget) {
  for (Sequence* sequence : readers_) {
    if (budget == 0) break;
    const std::size_t tokens = std::min({budget, sequence->pending(), chunk_of(*sequence)});
    add(*sequence, tokens);
    budget -= tokens;
    client_turns_[sequence->ticket().client] = ++turns_;
  }
}

std::size_t StepBuilder::chunk_of(const Sequence& sequence) const {
  return limits_.chunk_ends_at == 0 ? SIZE_MAX : limits_.chunk_ends_at - sequence.computed % limits_.chunk_ends_at;
}

PromptPart StepBuilder::prompts() const {
  PromptPart part{.tokens = tokens_ - decodes_};
  for (std::size_t i = decodes_; i < slices_.size(); ++i) {
    const auto tokens = static_cast<double>(slices_[i].tokens.size());
    part.mean_position += tokens / static_cast<double>(part.tokens) * (slices_[i].position + tokens / 2);
  }
  return part;
}

std::uint64_t StepBuilder::abortable() const {
  if (slices_.size() == 1) return members_.front()->serial();
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    const std::size_t tokens = slices_[i].tokens.size();
    if (tokens > kAbortableTokens && 2 * tokens > tokens_) return members_[i]->serial();
  }
  return StepWatch::kNobody;
}

}  // namespace forebay::scheduling
