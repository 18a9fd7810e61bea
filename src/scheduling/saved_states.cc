#include "scheduling/saved_states.h"

#include <algorithm>

namespace forebay::scheduling {

SavedStates::SavedStates(const SavedStatesOptions& options, ByteBudget* budget, const PressureGauge* pressure,
                         std::function<void(SavedStatePointer)> dropped)
    : options_(options),
      dropped_(std::move(dropped)),
      memory_(CacheKind::kStates, options.bytes_max, budget, pressure,
              {.bytes = [this] { return state_.read([](const State& now) { return now.texts.bytes(); }); },
               .shrink_to = [this](std::size_t bytes_max) { shrink_to(bytes_max); }}) {}

void SavedStates::shrink_to(std::size_t bytes_max) {
  Gone gone;
  {
    auto state = state_.lock();
    evict_down_to(*state, bytes_max, gone);
  }
  hand_on(gone);
}

bool SavedStates::wants(KeyedText text) const {
  if (memory_.is_critical() || (memory_.bytes_allowed() == 0 && !dropped_) || text.size() < options_.tokens_min) return false;
  return text.size() - longest(text, false) >= options_.tokens_min;
}

std::size_t SavedStates::longest(KeyedText text, bool whole) const {
  return state_.read([&](const State& state) { return state.texts.longest(text, 1, whole).tokens; });
}

void SavedStates::put(KeyedText text, std::vector<std::byte> bytes, bool covers_prefixes) {
  auto saved = std::make_shared<SavedState>();
  saved->tokens.assign(text.tokens.begin(), text.tokens.end());
  saved->origin = text.origin;
  saved->bytes = std::move(bytes);
  Gone gone;
  bool kept = false;
  {
    auto state = state_.lock();
    const std::size_t allowed = memory_.bytes_allowed();
    if (saved->size() <= allowed) {
      for (const Holder holder : state->texts.covered_by(saved->text(), covers_prefixes)) {
        state->texts.remove(holder);
        state->entries.erase(holder);
      }
      evict_down_to(*state, allowed - saved->size(), gone);
      kept = keep(*state, saved, gone);
    }
  }
  if (!kept) gone.push_back(std::move(saved));
  hand_on(gone);
}

bool SavedStates::keep(State& state, const SavedStatePointer& saved, Gone& gone) {
  const std::size_t size = saved->size();
  ByteBudget::Reservation reservation;
  if (memory_.budget() != nullptr) {
    auto reserved = memory_.budget()->reserve(size, "the saved state of a text");
    while (!reserved && !state.entries.empty()) {
      evict_down_to(state, state.texts.bytes() - 1, gone);
      reserved = memory_.budget()->reserve(size, "the saved state of a text");
    }
    if (!reserved) return false;
    reservation = *std::move(reserved);
  }
  state.entries.emplace(state.texts.add(saved->text(), size), Entry{saved, std::move(reservation)});
  return true;
}

std::optional<SavedStates::Found> SavedStates::find(KeyedText text, std::size_t tokens_min, bool whole) {
  auto state = state_.lock();
  const auto match = state->texts.longest(text, tokens_min, whole);
  if (match.tokens == 0) return std::nullopt;
  ++state->hits;
  state->texts.renew(match.holder);
  return Found{state->entries.at(match.holder).state, match.tokens};
}

std::vector<SavedStatePointer> SavedStates::take_all() {
  Gone all;
  auto state = state_.lock();
  const std::uint64_t evictions = state->evictions;
  evict_down_to(*state, 0, all);
  state->evictions = evictions;
  std::ranges::reverse(all);
  return all;
}

void SavedStates::clear() { take_all(); }

void SavedStates::evict_down_to(State& state, std::size_t bytes_max, Gone& gone) {
  while (state.texts.bytes() > bytes_max) {
    const auto entry = state.entries.find(state.texts.evict());
    gone.push_back(std::move(entry->second.state));
    state.entries.erase(entry);
    ++state.evictions;
  }
}

void SavedStates::hand_on(const Gone& gone) const {
  if (dropped_ && !memory_.is_critical()) std::ranges::for_each(gone, dropped_);
}

TierStats SavedStates::stats() const {
  return state_.read([&](const State& state) {
    return TierStats{.hits = state.hits,
                     .entries = state.entries.size(),
                     .bytes = state.texts.bytes(),
                     .bytes_max = options_.bytes_max,
                     .evictions = state.evictions};
  });
}

}  // namespace forebay::scheduling
