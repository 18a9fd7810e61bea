#include "scheduling/admission_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "scheduling/errors.h"

namespace forebay::scheduling {

namespace {
constexpr Duration kRetryMin = std::chrono::milliseconds(50);
constexpr Duration kRetryUnknown = std::chrono::seconds(1);

std::size_t share_of(std::uint32_t whole, double share) { return static_cast<std::size_t>(std::floor(whole * share)); }
std::size_t index_of(Priority level) { return static_cast<std::size_t>(level); }
}  // namespace

AdmissionOrder::AdmissionOrder(const AdmissionOptions& options)
    : options_(options),
      full_at_(full_at(options)),
      open_at_(std::min(full_at_ - 1, share_of(options.queue_requests_max, options.low_watermark))) {}

std::size_t AdmissionOrder::full_at(const AdmissionOptions& options) {
  return std::max<std::size_t>(1, share_of(options.queue_requests_max, options.high_watermark));
}

Result<> AdmissionOrder::check(const Ticket& ticket, Instant now) {
  if (ticket.cancel.cancelled()) return fail(ticket.cancel.error());
  if (ticket.deadline && *ticket.deadline <= now) return fail(kDeadlinePassed, "the deadline had passed when the request arrived");
  if (!accepting_) return fail(overloaded());
  promote(now);
  if (auto refusal = too_late(ticket, now)) return fail(*std::move(refusal));
  return {};
}

Result<AdmissionOrder::Id> AdmissionOrder::push(Ticket ticket, Instant now) {
  TRY(check(ticket, now));
  const Id id = next_id_++;
  const Instant latest = now + options_.queue_wait_max;
  const Instant deadline = ticket.deadline.value_or(latest);
  const Priority level = ticket.priority;
  const auto& entry = entries_.emplace(id, Entry{std::move(ticket), now, deadline, level}).first->second;
  deadlines_.emplace(entry.deadline, id);
  enter(id, entry);
  if (entries_.size() >= full_at_) accepting_ = false;
  return id;
}

void AdmissionOrder::look_in_order(Instant now, std::size_t looked_at_max, const std::function<bool(Id)>& look) {
  promote(now);
  for (const Level& level : levels_) {
    for (const Line& line : level.turns) {
      for (const Id id : line.ids) {
        if (looked_at_max-- == 0 || !look(id)) return;
      }
    }
  }
}

std::optional<AdmissionOrder::Id> AdmissionOrder::find(Instant now, const std::function<bool(Id)>& matches, std::size_t looked_at_max) {
  std::optional<Id> found;
  look_in_order(now, looked_at_max, [&](Id id) {
    if (entries_.at(id).ticket.cancel.cancelled() || matches(id)) found = id;
    return !found;
  });
  return found;
}

std::optional<AdmissionOrder::Id> AdmissionOrder::find_dead(Instant now) {
  if (!deadlines_.empty() && deadlines_.begin()->first <= now) return deadlines_.begin()->second;
  if (!cancel_noted_) return std::nullopt;
  for (const auto& [id, entry] : entries_) {
    if (entry.ticket.cancel.cancelled()) return id;
  }
  cancel_noted_ = false;
  return std::nullopt;
}

std::optional<Error> AdmissionOrder::death_of(Id id, Instant now) const {
  const Entry& entry = entries_.at(id);
  if (entry.ticket.cancel.cancelled()) return entry.ticket.cancel.error();
  if (entry.deadline > now) return std::nullopt;
  if (entry.ticket.deadline) return Error(kDeadlinePassed, "the request's deadline passed while it waited");
  return Error(kDeadlinePassed, fmt::format("the request waited {} ms, the longest that is allowed", options_.queue_wait_max.count()));
}

AdmissionOrder::Entry AdmissionOrder::remove(Id id, bool served) {
  auto found = entries_.find(id);
  Entry entry = std::move(found->second);
  entries_.erase(found);
  deadlines_.erase({entry.deadline, id});
  leave(id, entry, served);
  if (entries_.size() <= open_at_) accepting_ = true;
  return entry;
}

std::optional<Instant> AdmissionOrder::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

std::optional<Instant> AdmissionOrder::oldest_arrival() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.begin()->second.arrived;
}

// A level is entered with the arrival's place in the client's line, so that a raised entry is not behind a younger one.
void AdmissionOrder::enter(Id id, const Entry& entry) {
  Level& level = levels_[index_of(entry.level)];
  auto found = level.by_client.find(entry.ticket.client);
  if (found == level.by_client.end()) {
    level.turns.push_back(Line{entry.ticket.client, {}});
    auto line = std::prev(level.turns.end());
    found = level.by_client.emplace(line->client, line).first;
  }
  found->second->ids.insert(id);
  ++level.entries;
  if (entry.level != Priority::kHigh) promotions_.emplace(promotion_of(entry), id);
}

void AdmissionOrder::leave(Id id, const Entry& entry, bool served) {
  if (entry.level != Priority::kHigh) promotions_.erase({promotion_of(entry), id});
  Level& level = levels_[index_of(entry.level)];
  auto found = level.by_client.find(entry.ticket.client);
  auto line = found->second;
  line->ids.erase(id);
  --level.entries;
  if (line->ids.empty()) {
    level.by_client.erase(found);
    level.turns.erase(line);
  } else if (served) {
    level.turns.splice(level.turns.end(), level.turns, line);
  }
}

Instant AdmissionOrder::promotion_of(const Entry& entry) const {
  const auto raised = index_of(entry.ticket.priority) - index_of(entry.level);
  return entry.arrived + options_.ageing_step * static_cast<int>(raised + 1);
}

void AdmissionOrder::promote(Instant now) {
  while (!promotions_.empty() && promotions_.begin()->first <= now) {
    const Id id = promotions_.begin()->second;
    Entry& entry = entries_.at(id);
    leave(id, entry, false);
    entry.level = static_cast<Priority>(index_of(entry.level) - 1);
    enter(id, entry);
  }
}

// Number of requests that would be dequeued before this one: all in more urgent levels, and per client in the same level at most this
// client's queue length + 1.
// That those behind it may rise and overtake it is left out: an estimate must not refuse what can be served.
std::size_t AdmissionOrder::ahead_of(const Ticket& ticket) const {
  std::size_t ahead = 0;
  for (std::size_t level = 0; level < index_of(ticket.priority); ++level) ahead += levels_[level].entries;
  const Level& own_level = levels_[index_of(ticket.priority)];
  const auto own_line = own_level.by_client.find(ticket.client);
  const std::size_t own = own_line == own_level.by_client.end() ? 0 : own_line->second->ids.size();
  for (const Line& line : own_level.turns) ahead += line.client == ticket.client ? own : std::min(line.ids.size(), own + 1);
  return ahead;
}

// Those ahead have to start before it, and by Little's law it ends when as many as run beside it have ended after that. Nobody is refused
// while nobody waits ahead: however slow the last requests were, there is always a next one to measure.
std::optional<Error> AdmissionOrder::too_late(const Ticket& ticket, Instant now) const {
  if (entries_.empty()) return std::nullopt;
  const std::size_t ahead = ahead_of(ticket);
  const auto start = rate_.time_for(ahead);
  if (ahead == 0 || !start) return std::nullopt;
  const Duration wait = ticket.deadline ? *rate_.time_for(ahead + rate_.running() + 1) : *start;
  const Duration allowed = ticket.deadline ? *ticket.deadline - now : Duration(options_.queue_wait_max);
  if (wait <= allowed) return std::nullopt;
  return Error(kOverloaded, fmt::format("{} requests are ahead, and at the present rate this one would be late", ahead))
      .with_retry_after(retry_after(wait - allowed));
}

std::chrono::milliseconds AdmissionOrder::retry_after(std::optional<Duration> measured) const {
  const Duration longest = std::max<Duration>(kRetryMin, options_.queue_wait_max);
  return std::chrono::ceil<std::chrono::milliseconds>(std::clamp<Duration>(measured.value_or(kRetryUnknown), kRetryMin, longest));
}

Error AdmissionOrder::overloaded() const {
  return Error(kOverloaded, fmt::format("{} requests are waiting, and the queue takes {}", entries_.size(), full_at_))
      .with_retry_after(retry_after(rate_.time_for(entries_.size() - open_at_)));
}

}  // namespace forebay::scheduling
