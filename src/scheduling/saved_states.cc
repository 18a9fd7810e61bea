#include "scheduling/saved_states.h"

#include <algorithm>

namespace forebay::scheduling {

SavedStates::SavedStates(const SavedStatesOptions& options, ByteBudget* budget, const PressureGauge* pressure,
                         std::function<void(SavedStatePointer)> dropped)
    : options_(options), budget_(budget), pressure_(pressure), dropped_(std::move(dropped)) {
  if (pressure_ != nullptr) on_pressure_ = pressure_->on_change([this](PressureLevel) { shrink(bytes_allowed(), false); });
}

std::size_t SavedStates::bytes_allowed() const {
  switch (pressure_ == nullptr ? PressureLevel::kNormal : pressure_->level()) {
    case PressureLevel::kNormal:
      return options_.bytes_max;
    case PressureLevel::kElevated:
      return options_.bytes_max / 4;
    case PressureLevel::kCritical:
      return 0;
  }
  return 0;
}

PrefixTree::Match SavedStates::best(const State& state, std::span<const Token> text, std::size_t tokens_min, bool whole) {
  PrefixTree::Match best;
  state.tree.search(text, std::max<std::size_t>(1, tokens_min), [&](const PrefixTree::Match& match) {
    if (whole && state.tree.length(match.holder) != match.tokens) return false;
    best = match;
    return true;
  });
  return best;
}

bool SavedStates::wants(std::span<const Token> tokens) const {
  if (bytes_allowed() == 0 || tokens.size() < options_.tokens_min) return false;
  return tokens.size() - longest(tokens, false) >= options_.tokens_min;
}

std::size_t SavedStates::longest(std::span<const Token> text, bool whole) const {
  return state_.read([&](const State& state) { return best(state, text, 1, whole).tokens; });
}

void SavedStates::put(std::vector<Token> tokens, std::vector<std::byte> bytes, bool covers_prefixes) {
  const std::size_t size = bytes.size() + tokens.size() * sizeof(Token);
  const std::size_t allowed = bytes_allowed();
  if (size > allowed) return;
  auto saved = std::make_shared<SavedState>();
  saved->tokens = std::move(tokens);
  saved->bytes = std::move(bytes);
  Evicted evicted;
  {
    auto state = state_.lock();
    std::vector<Holder> covered;
    std::size_t known = 0;
    state->tree.search(saved->tokens, 1, [&](const PrefixTree::Match& match) {
      const bool is_prefix = state->tree.length(match.holder) == match.tokens;
      if (is_prefix && (covers_prefixes || match.tokens == saved->tokens.size()))
        covered.push_back(match.holder);
      else
        known = std::max(known, match.tokens);
      return false;
    });
    for (const Holder holder : covered) remove(*state, holder);
    evict_down_to(*state, allowed - size, evicted);
    ByteBudget::Reservation reservation;
    if (budget_ != nullptr) {
      auto reserved = budget_->reserve(size, "the saved state of a text");
      while (!reserved && !state->entries.empty()) {
        evict_down_to(*state, state->bytes - 1, evicted);
        reserved = budget_->reserve(size, "the saved state of a text");
      }
      if (reserved) reservation = *std::move(reserved);
    }
    if (budget_ == nullptr || reservation.bytes() > 0) {
      const Holder holder = state->next++;
      state->tree.set(holder, saved->tokens);
      state->bytes += size;
      const double own = static_cast<double>(saved->tokens.size() - std::min(known, saved->tokens.size() - 1));
      state->entries.emplace(holder, Entry{std::move(saved), std::move(reservation), own / static_cast<double>(size), {}});
      renew(*state, holder);
    }
  }
  if (dropped_) std::ranges::for_each(evicted, dropped_);
}

std::optional<SavedStates::Found> SavedStates::find(std::span<const Token> text, std::size_t tokens_min, bool whole) {
  auto state = state_.lock();
  const auto match = best(*state, text, tokens_min, whole);
  if (match.tokens == 0) return std::nullopt;
  ++state->hits;
  renew(*state, match.holder);
  return Found{state->entries.at(match.holder).state, match.tokens};
}

void SavedStates::shrink(std::size_t bytes_max, bool keep_elsewhere) {
  Evicted evicted;
  {
    auto state = state_.lock();
    evict_down_to(*state, bytes_max, evicted);
  }
  if (keep_elsewhere && dropped_) std::ranges::for_each(evicted, dropped_);
}

void SavedStates::renew(State& state, Holder holder) {
  Entry& entry = state.entries.at(holder);
  state.order.erase({entry.rank, holder});
  entry.rank = {state.inflation + entry.worth_per_byte, ++state.uses};
  state.order.insert({entry.rank, holder});
}

SavedStatePointer SavedStates::remove(State& state, Holder holder) {
  const auto found = state.entries.find(holder);
  SavedStatePointer saved = std::move(found->second.state);
  state.order.erase({found->second.rank, holder});
  state.entries.erase(found);
  state.tree.erase(holder);
  state.bytes -= saved->bytes.size() + saved->tokens.size() * sizeof(Token);
  return saved;
}

void SavedStates::evict_down_to(State& state, std::size_t bytes_max, Evicted& evicted) {
  while (state.bytes > bytes_max) {
    const auto [rank, holder] = *state.order.begin();
    // Everything that stays ages by what the evicted one was worth.
    state.inflation = rank.first;
    evicted.push_back(remove(state, holder));
    ++state.evictions;
  }
}

TierStats SavedStates::stats() const {
  return state_.read([&](const State& state) {
    return TierStats{.hits = state.hits,
                     .entries = state.entries.size(),
                     .bytes = state.bytes,
                     .bytes_max = options_.bytes_max,
                     .evictions = state.evictions};
  });
}

}  // namespace forebay::scheduling
