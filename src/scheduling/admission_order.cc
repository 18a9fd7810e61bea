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
      full_at_(std::max<std::size_t>(1, share_of(options.queue_requests_max, options.high_watermark))),
      open_at_(std::min(full_at_ - 1, share_of(options.queue_requests_max, options.low_watermark))) {}

Result<AdmissionOrder::Id> AdmissionOrder::push(Ticket ticket, Instant now) {
  if (ticket.cancel.cancelled()) return fail(ticket.cancel.error());
  if (ticket.deadline && *ticket.deadline <= now) return fail(kDeadlinePassed, "the deadline had passed when the request arrived");
  if (!accepting_) return fail(overloaded());
  promote(now);
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

std::optional<AdmissionOrder::Id> AdmissionOrder::find(Instant now, const std::function<bool(Id)>& matches, std::size_t looked_at_max) {
  promote(now);
  for (const Level& level : levels_) {
    for (const Line& line : level.turns) {
      for (Id id : line.ids) {
        if (looked_at_max-- == 0) return std::nullopt;
        if (entries_.at(id).ticket.cancel.cancelled() || matches(id)) return id;
      }
    }
  }
  return std::nullopt;
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
  if (entry.level != Priority::kHigh) promotions_.emplace(promotion_of(entry), id);
}

void AdmissionOrder::leave(Id id, const Entry& entry, bool served) {
  if (entry.level != Priority::kHigh) promotions_.erase({promotion_of(entry), id});
  Level& level = levels_[index_of(entry.level)];
  auto found = level.by_client.find(entry.ticket.client);
  auto line = found->second;
  line->ids.erase(id);
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

Error AdmissionOrder::overloaded() const {
  const auto measured = rate_.time_for(entries_.size() - open_at_);
  const Duration wait =
      std::clamp<Duration>(measured.value_or(kRetryUnknown), kRetryMin, std::max<Duration>(kRetryMin, options_.queue_wait_max));
  return Error(kOverloaded, fmt::format("{} requests are waiting, and the queue takes {}", entries_.size(), full_at_))
      .with_retry_after(std::chrono::ceil<std::chrono::milliseconds>(wait));
}

}  // namespace forebay::scheduling
