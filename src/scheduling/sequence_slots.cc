#include "scheduling/sequence_slots.h"

#include <algorithm>

namespace forebay::scheduling {

using engines::SequenceId;
using engines::Token;

SequenceSlots::SequenceSlots(engines::TextSession& session, std::size_t idle_cells_max)
    : session_(session), idle_cells_max_(idle_cells_max), slots_(session.info().sequences_max), free_(slots_.size()) {}

// At least one token must be computed again: the logits after the prompt come from it.
std::size_t SequenceSlots::usable_prefix(const Slot& slot, std::span<const Token> tokens) const {
  if (slot.taken || tokens.empty()) return 0;
  const auto differ = std::ranges::mismatch(slot.holds, tokens.first(tokens.size() - 1));
  const auto common = static_cast<std::size_t>(differ.in1 - slot.holds.begin());
  return common == slot.holds.size() || session_.info().can_trim ? common : 0;
}

std::optional<SequenceSlots::Claim> SequenceSlots::claim(std::span<const Token> tokens) {
  std::size_t best = slots_.size();
  std::size_t best_prefix = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::size_t prefix = usable_prefix(slots_[i], tokens);
    if (prefix > best_prefix) {
      best = i;
      best_prefix = prefix;
    }
  }
  if (best < slots_.size()) {
    if (session_.trim(static_cast<SequenceId>(best), static_cast<std::int32_t>(best_prefix))) return take(best, best_prefix);
    empty(best);
  }
  const auto id = claim_empty();
  if (!id) return std::nullopt;
  while (cells_held_idle_ > idle_cells_max_ && give_up_one()) {
  }
  return Claim{*id, 0};
}

std::optional<SequenceId> SequenceSlots::claim_empty() {
  std::size_t oldest = slots_.size();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.taken) continue;
    if (slot.holds.empty()) return take(i, 0).id;
    if (oldest == slots_.size() || slot.released < slots_[oldest].released) oldest = i;
  }
  if (oldest == slots_.size()) return std::nullopt;
  empty(oldest);
  return take(oldest, 0).id;
}

void SequenceSlots::release_holding(SequenceId id, std::span<const Token> tokens) {
  Slot& slot = slots_[static_cast<std::size_t>(id)];
  slot.taken = false;
  slot.released = ++releases_;
  slot.holds.assign(tokens.begin(), tokens.end());
  cells_held_idle_ += tokens.size();
  ++free_;
  while (cells_held_idle_ > std::max(idle_cells_max_, tokens.size()) && give_up_one()) {
  }
}

void SequenceSlots::release_empty(SequenceId id) {
  session_.trim(id, 0);
  release_holding(id, {});
}

bool SequenceSlots::give_up_one() {
  std::size_t oldest = slots_.size();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].taken || slots_[i].holds.empty()) continue;
    if (oldest == slots_.size() || slots_[i].released < slots_[oldest].released) oldest = i;
  }
  if (oldest == slots_.size()) return false;
  empty(oldest);
  return true;
}

void SequenceSlots::empty(std::size_t index) {
  session_.trim(static_cast<SequenceId>(index), 0);
  cells_held_idle_ -= slots_[index].holds.size();
  slots_[index].holds.clear();
}

SequenceSlots::Claim SequenceSlots::take(std::size_t index, std::size_t reused) {
  Slot& slot = slots_[index];
  slot.taken = true;
  cells_held_idle_ -= slot.holds.size();
  slot.holds.clear();
  --free_;
  return {static_cast<SequenceId>(index), reused};
}

}  // namespace forebay::scheduling
