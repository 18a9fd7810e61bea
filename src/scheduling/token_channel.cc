#include "scheduling/token_channel.h"

#include <utility>

namespace forebay::scheduling {

bool TokenChannel::push(TokenEvent event) {
  const bool is_last = event.kind != TokenEvent::Kind::kToken;
  if (auto on_end = is_last ? std::exchange(on_end_, {}) : OnEnd()) on_end(event);
  {
    auto state = state_.lock();
    if (state->ended) return true;  // Nothing follows the end, and nobody waits for it.
    if (!is_last && state->events.size() >= events_max_) return false;
    state->ended = is_last;
    state->events.push_back(std::move(event));
  }
  changed_.notify_all();
  auto ready = ready_.lock();
  if (*ready) (*ready)();
  return true;
}

std::optional<TokenEvent> TokenChannel::take(State& state) {
  if (state.events.empty()) return std::nullopt;
  std::optional<TokenEvent> event(std::move(state.events.front()));
  state.events.pop_front();
  return event;
}

std::optional<TokenEvent> TokenChannel::try_pop() {
  auto state = state_.lock();
  return take(*state);
}

std::optional<TokenEvent> TokenChannel::pop_until(Instant until) {
  auto state = state_.lock();
  state.wait_until(changed_, until, [](const State& now) { return !now.events.empty(); });
  return take(*state);
}

void TokenChannel::on_ready(std::function<void()> ready) {
  auto current = ready_.lock();
  *current = std::move(ready);
  const bool waiting = state_.read([](const State& now) { return !now.events.empty(); });
  if (*current && waiting) (*current)();
}

}  // namespace forebay::scheduling
