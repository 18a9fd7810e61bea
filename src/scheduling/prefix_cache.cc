#include "scheduling/prefix_cache.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace forebay::scheduling {

using engines::CacheLayout;
using engines::SequenceId;

namespace {
constexpr std::size_t kNoSlot = SIZE_MAX;
// At least one token must be computed again: the logits after the prompt come from it.
KeyedText reusable(KeyedText text) { return text.first(text.size() - std::min<std::size_t>(1, text.size())); }
}  // namespace

PrefixCache::PrefixCache(engines::GenerationSession& session, std::size_t idle_cells_max, LowerTiers lower, PrefixCacheCounters& counters)
    : session_(session),
      idle_cells_max_(idle_cells_max),
      lower_(std::move(lower)),
      counters_(counters),
      slots_(session.info().sequences_max),
      free_(slots_.size()) {}

PrefixCache::~PrefixCache() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].use == Use::kIdle) stop_idling(i);
  }
}

// --- enter ------------------------------------------------------------------------------------------------------------

std::optional<PrefixCache::Place> PrefixCache::enter(KeyedText text) {
  if (free_ == 0) return std::nullopt;
  ++counters_.lookups;
  const Source source = best_source(text);
  const std::size_t saved = lower_.ram == nullptr ? 0 : lower_.ram->longest(reusable(text), !session_.info().can_trim);
  std::size_t index = kNoSlot;
  std::size_t computed = 0;
  if (saved >= std::max(source.tokens + kTokensMin, kTokensMin)) {
    index = *free_slot(kNoSlot);
    empty(index, true);
    computed = restore(index, text);
    if (computed > 0) ++counters_.ram_hits;
  } else if (source.tokens > 0 && should_take_over(source)) {
    index = source.slot;
    computed = take_over(source);
    if (computed > 0) ++counters_.cells_hits;
  } else {
    const bool worth_copying = source.tokens >= kTokensMin && session_.info().can_share;
    index = *free_slot(worth_copying && slots_[source.slot].use == Use::kIdle && free_ > 1 ? source.slot : kNoSlot);
    empty(index, true);
    if (worth_copying && index != source.slot) computed = attach(source, index);
    if (computed > 0) ++counters_.cells_hits;
  }
  if (computed > 0) ++counters_.hits;
  counters_.tokens_saved += computed;
  if (computed == 0 && session_.info().layout == CacheLayout::kUnified) keep_idle_within(idle_cells_max_);
  return run(index, text, computed);
}

std::optional<PrefixCache::Place> PrefixCache::enter_saved(KeyedText text, std::span<const std::byte> state, std::size_t computed) {
  const auto index = free_slot(kNoSlot);
  if (!index) return std::nullopt;
  empty(*index, true);
  return run(*index, text, restore(*index, state, computed) ? computed : 0);
}

PrefixCache::Place PrefixCache::run(std::size_t index, KeyedText text, std::size_t computed) {
  const std::size_t shared = shared_with_running(index, text);
  Slot& slot = slots_[index];
  slot.use = Use::kRunning;
  slot.since = ++uses_;
  slot.forgotten = false;
  tree_.set(index, text);
  --free_;
  start_fetch(index, text, computed);
  return {id_of(index), computed, shared};
}

// Unless another running text has as much, or will have.
void PrefixCache::start_fetch(std::size_t index, KeyedText text, std::size_t computed) {
  if (lower_.disk == nullptr) return;
  const bool whole = !session_.info().can_trim;
  const std::size_t worthwhile = std::max(computed, common_with_running(index, text)) + kTokensMin;
  if (lower_.disk->longest(reusable(text), whole) >= worthwhile)
    slots_[index].fetch = lower_.disk->fetch(reusable(text), worthwhile, whole, lower_.fetched);
}

void PrefixCache::take_fetched(std::size_t index, KeyedText text, std::size_t& computed) {
  const auto fetch = std::exchange(slots_[index].fetch, nullptr);
  if (!fetch->state()) return;
  const SavedState& saved = *fetch->state();
  const auto fit = reusable(text).tokens;
  const auto found = static_cast<std::size_t>(std::ranges::mismatch(saved.tokens, fit).in2 - fit.begin());
  const std::size_t before = computed;
  if (found < before + kTokensMin || (!session_.info().can_trim && found != saved.tokens.size())) return;
  session_.trim(id_of(index), 0);
  computed = 0;
  if (!restore(index, saved.bytes, saved.tokens.size())) return;
  if (!session_.trim(id_of(index), static_cast<std::int32_t>(found))) {
    session_.trim(id_of(index), 0);
    return;
  }
  computed = found;
  ++counters_.disk_hits;
  if (before == 0) ++counters_.hits;
  counters_.tokens_saved += found - before;
}

// Of all sequences, running or idle, the one that holds the longest beginning at this moment.
PrefixCache::Source PrefixCache::best_source(KeyedText text) const {
  const engines::GenerationSessionInfo& info = session_.info();
  Source best;
  tree_.search(reusable(text), 1, [&](const PrefixTree::Match& match) {
    if (match.tokens <= best.tokens) return true;
    const std::size_t index = match.holder;
    const bool idle = slots_[index].use == Use::kIdle;
    if (!idle && !info.can_share) return false;
    if (!info.can_trim && (!idle || held(index) != match.tokens)) return false;
    const std::size_t tokens_now = std::min(match.tokens, held(index));
    if (tokens_now > best.tokens) best = {index, tokens_now};
    return false;
  });
  return best;
}

// An idle sequence goes on as the new text when little of it is lost, when it would have to go anyway, or when it cannot be copied.
bool PrefixCache::should_take_over(const Source& source) const {
  if (slots_[source.slot].use != Use::kIdle) return false;
  const bool is_pool = session_.info().layout == CacheLayout::kUnified;
  return !session_.info().can_share || free_ == 1 || held(source.slot) < source.tokens + kTokensMin ||
         (is_pool && idle_cells_ > idle_cells_max_);
}

std::size_t PrefixCache::take_over(const Source& source) {
  if (held(source.slot) >= source.tokens + kTokensMin) save(source.slot);
  stop_idling(source.slot);
  if (session_.trim(id_of(source.slot), static_cast<std::int32_t>(source.tokens))) return source.tokens;
  session_.trim(id_of(source.slot), 0);
  return 0;
}

std::size_t PrefixCache::attach(const Source& source, std::size_t index) {
  return session_.share(id_of(source.slot), id_of(index), static_cast<std::int32_t>(source.tokens)) ? source.tokens : 0;
}

std::size_t PrefixCache::restore(std::size_t index, KeyedText text) {
  const auto found = lower_.ram->find(reusable(text), kTokensMin, !session_.info().can_trim);
  if (!found || !restore(index, found->state->bytes, found->state->tokens.size())) return 0;
  if (session_.trim(id_of(index), static_cast<std::int32_t>(found->tokens))) return found->tokens;
  session_.trim(id_of(index), 0);
  return 0;
}

// What finished texts left behind makes room for it.
bool PrefixCache::restore(std::size_t index, std::span<const std::byte> state, std::size_t tokens) {
  do {
    if (session_.restore(id_of(index), state, static_cast<std::int32_t>(tokens))) return true;
    session_.trim(id_of(index), 0);
  } while (give_up_one());
  return false;
}

std::size_t PrefixCache::Span::distance(std::size_t slot) const {
  if (lowest > highest) return 0;
  return slot < lowest ? lowest - slot : slot > highest ? slot - highest : 0;
}

PrefixCache::Span PrefixCache::running_span() const {
  Span span;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].use != Use::kRunning) continue;
    span.lowest = std::min(span.lowest, i);
    span.highest = i;
  }
  return span;
}

// An empty one if there is one, else the one idle for longest; with cells of their own, the nearest to the running ones, so that these have
// no gaps.
std::optional<std::size_t> PrefixCache::free_slot(std::size_t except) const {
  const Span running = session_.info().layout == CacheLayout::kPerSequence ? running_span() : Span();
  const auto rank = [&](std::size_t i) { return std::tuple(running.distance(i), slots_[i].use == Use::kIdle, slots_[i].since); };
  std::size_t best = kNoSlot;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].use == Use::kRunning || i == except) continue;
    if (best == kNoSlot || rank(i) < rank(best)) best = i;
  }
  return best == kNoSlot ? std::nullopt : std::optional(best);
}

// --- while running ----------------------------------------------------------------------------------------------------

std::size_t PrefixCache::shared_with_running(std::size_t index, KeyedText text) const {
  return session_.info().layout == CacheLayout::kPerSequence ? 0 : common_with_running(index, text);
}

std::size_t PrefixCache::common_with_running(std::size_t index, KeyedText text) const {
  if (!session_.info().can_share) return 0;
  std::size_t shared = 0;
  tree_.search(reusable(text), kTokensMin, [&](const PrefixTree::Match& match) {
    if (match.holder == index || slots_[match.holder].use != Use::kRunning) return false;
    shared = match.tokens;
    return true;
  });
  return shared;
}

bool PrefixCache::waits(SequenceId slot, KeyedText text, std::size_t& computed) {
  const auto index = static_cast<std::size_t>(slot);
  if (at(slot).fetch) {
    if (!at(slot).fetch->done()) return true;
    take_fetched(index, text, computed);
  }
  if (!session_.info().can_share) return false;
  Source ahead;
  tree_.search(reusable(text), computed + kTokensMin, [&](const PrefixTree::Match& match) {
    const Slot& other = slots_[match.holder];
    // Only on those who began before: nobody waits in a circle.
    if (match.holder == index || other.use != Use::kRunning || other.since > at(slot).since) return false;
    ahead = {match.holder, match.tokens};
    return true;
  });
  if (ahead.tokens == 0) return false;
  if (held(ahead.slot) < ahead.tokens) return true;
  session_.trim(slot, 0);
  const std::size_t before = computed;
  computed = attach(ahead, index);
  if (computed == 0) return false;
  if (before == 0) ++counters_.hits;
  ++counters_.joined;
  counters_.tokens_saved += computed - before;
  return false;
}

std::size_t PrefixCache::rewrite(SequenceId slot, KeyedText text, std::size_t kept) {
  if (!at(slot).forgotten) tree_.set(static_cast<std::size_t>(slot), text);
  at(slot).fetch = nullptr;
  const std::size_t computed = std::min(kept, held(static_cast<std::size_t>(slot)));
  if (session_.trim(slot, static_cast<std::int32_t>(computed))) return computed;
  session_.trim(slot, 0);
  return 0;
}

void PrefixCache::checkpoint(SequenceId slot, KeyedText text) {
  if (session_.info().can_trim || at(slot).forgotten || lower_.ram == nullptr || !lower_.ram->wants(text)) return;
  if (auto state = session_.save(slot)) lower_.ram->put(text, *std::move(state), false);
}

SequenceId PrefixCache::move_inward(SequenceId slot) {
  const auto gap = free_slot(kNoSlot);
  if (!gap || running_span().distance(*gap) > 0 || !session_.info().can_share) return slot;
  empty(*gap, true);
  const std::int32_t tokens = session_.length(slot);
  if (tokens > 0 && !session_.share(slot, id_of(*gap), tokens)) return slot;
  session_.trim(slot, 0);
  std::swap(slots_[*gap], at(slot));
  tree_.rename(static_cast<std::size_t>(slot), *gap);
  return id_of(*gap);
}

// --- leave ------------------------------------------------------------------------------------------------------------

void PrefixCache::leave_holding(SequenceId id, KeyedText text) {
  const auto index = static_cast<std::size_t>(id);
  Slot& slot = slots_[index];
  if (std::exchange(slot.forgotten, false)) {
    session_.trim(id, 0);
    text = {};
  }
  tree_.set(index, text);
  ++free_;
  slot.since = ++uses_;
  slot.use = text.empty() ? Use::kEmpty : Use::kIdle;
  slot.origin = text.origin;
  slot.saved_ahead = false;
  slot.holds.assign(text.tokens.begin(), text.tokens.end());
  slot.fetch = nullptr;
  idle_cells_ += text.size();
  counters_.idle_cells += text.size();
  counters_.idle_texts += text.empty() ? 0 : 1;
  if (session_.info().layout == CacheLayout::kUnified) keep_idle_within(std::max(idle_cells_max_, text.size()));
}

void PrefixCache::leave_empty(SequenceId slot) {
  session_.trim(slot, 0);
  leave_holding(slot, {});
}

bool PrefixCache::give_up_one() {
  std::size_t oldest = kNoSlot;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].use == Use::kIdle && (oldest == kNoSlot || slots_[i].since < slots_[oldest].since)) oldest = i;
  }
  if (oldest == kNoSlot) return false;
  empty(oldest, true);
  return true;
}

// slots_.size(): none.
std::size_t PrefixCache::next_to_save() const {
  if (lower_.ram == nullptr || std::ranges::contains(slots_, Use::kEmpty, &Slot::use)) return slots_.size();
  const auto unsaved = [](const Slot& slot) { return slot.use == Use::kIdle && !slot.saved_ahead; };
  return static_cast<std::size_t>(std::ranges::find_if(slots_, unsaved) - slots_.begin());
}

void PrefixCache::save_ahead() {
  const std::size_t index = next_to_save();
  if (index == slots_.size()) return;
  slots_[index].saved_ahead = true;
  save(index);
}

void PrefixCache::keep_idle_within(std::size_t cells) {
  while (idle_cells_ > cells && give_up_one()) {
  }
}

void PrefixCache::clear() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    empty(i, false);
    slots_[i].forgotten = slots_[i].use == Use::kRunning;
    slots_[i].fetch = nullptr;
    tree_.erase(i);
  }
}

void PrefixCache::empty(std::size_t index, bool wanted) {
  if (slots_[index].use != Use::kIdle) return;
  if (wanted) save(index);
  ++counters_.cells_evictions;
  stop_idling(index);
  tree_.erase(index);
  session_.trim(id_of(index), 0);
}

void PrefixCache::save(std::size_t index) {
  const KeyedText holds(slots_[index].holds, slots_[index].origin);
  if (lower_.ram == nullptr || !lower_.ram->wants(holds)) return;
  if (auto state = session_.save(id_of(index))) lower_.ram->put(holds, *std::move(state), session_.info().can_trim);
}

void PrefixCache::stop_idling(std::size_t index) {
  Slot& slot = slots_[index];
  idle_cells_ -= slot.holds.size();
  counters_.idle_cells -= slot.holds.size();
  --counters_.idle_texts;
  slot.holds.clear();
  slot.use = Use::kEmpty;
}

}  // namespace forebay::scheduling
