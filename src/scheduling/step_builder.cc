#include "scheduling/step_builder.h"

#include <algorithm>
#include <optional>
#include <tuple>

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
                     .wants_logits = tokens == sequence.pending()});
  members_.push_back(&sequence);
  tokens_ += tokens;
}

void StepBuilder::add_decodes(std::span<const std::unique_ptr<Sequence>> running) {
  in_turns(
      running, decode_served_, [this](const Sequence& sequence) { return decodes(sequence); },
      [&](Sequence& sequence) {
        if (tokens_ >= limits_.step_tokens_max) return false;
        add(sequence, 1);
        decode_served_ = sequence.serial();
        return true;
      });
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
