// Who waits and who is next: priorities with ageing, fairness between clients, deadlines, watermarks. Knows tickets, not work.
//   Strict order between levels; an entry that waited `ageing_step` rises one level. Inside a level clients take turns, and one
//   client's entries leave in the order they came. Full at the high watermark, open again at the low one, unchanged in between.
//   What could not be finished in time is refused at once: at the measured rate, behind those that would be taken before it.
// Thread safety: none, the owner locks. Time is passed in as `now`. Owner: AdmissionQueue.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "scheduling/request.h"
#include "scheduling/scheduling_options.h"
#include "scheduling/service_rate.h"

namespace forebay::scheduling {

class AdmissionOrder {
 public:
  using Id = std::uint64_t;  // rises with every arrival
  struct Entry {
    Ticket ticket;
    Instant arrived;
    Instant deadline;  // the ticket's; queue_wait_max from the arrival when it has none
    Priority level;    // the ticket's, raised by ageing
  };

  explicit AdmissionOrder(const AdmissionOptions& options);
  // The most entries at once.
  static std::size_t full_at(const AdmissionOptions& options);

  // kOverloaded with a Retry-After while full, and for what would wait longer than it may; kDeadlinePassed or the token's error for what
  // is dead on arrival.
  Result<Id> push(Ticket ticket, Instant now);
  // What push() would say now; nothing is added.
  Result<> check(const Ticket& ticket, Instant now);
  // The first in order for which `matches` holds, among the first `looked_at_max` in order; a cancelled one always does.
  std::optional<Id> find(Instant now, const std::function<bool(Id)>& matches, std::size_t looked_at_max);
  // Calls look(id) for the first `looked_at_max` in order, until it says false.
  void look_in_order(Instant now, std::size_t looked_at_max, const std::function<bool(Id)>& look);
  // One whose deadline has passed, or that was cancelled since note_cancelled().
  std::optional<Id> find_dead(Instant now);
  void note_cancelled() { cancel_noted_ = true; }
  // Why this entry must not be computed any more; nothing when it may.
  std::optional<Error> death_of(Id id, Instant now) const;

  bool contains(Id id) const { return entries_.contains(id); }
  const Entry& entry(Id id) const { return entries_.at(id); }
  // Takes it out; `served` gives its client's turn to the next.
  Entry remove(Id id, bool served);

  std::size_t size() const { return entries_.size(); }
  bool accepting() const { return accepting_; }
  std::optional<Instant> next_deadline() const;
  std::optional<Instant> oldest_arrival() const;
  ServiceRate& rate() { return rate_; }

 private:
  struct Line {  // what one client has in one level
    std::string client;
    std::set<Id> ids;
  };
  struct Level {
    std::list<Line> turns;                                                      // the front is next
    std::unordered_map<std::string_view, std::list<Line>::iterator> by_client;  // keys point into `turns`
    std::size_t entries = 0;
  };
  using Timers = std::set<std::pair<Instant, Id>>;

  void promote(Instant now);
  void enter(Id id, const Entry& entry);
  void leave(Id id, const Entry& entry, bool served);
  Instant promotion_of(const Entry& entry) const;
  Error overloaded() const;
  std::optional<Error> too_late(const Ticket& ticket, Instant now) const;
  std::size_t ahead_of(const Ticket& ticket) const;
  std::chrono::milliseconds retry_after(std::optional<Duration> measured) const;

  const AdmissionOptions options_;
  const std::size_t full_at_;
  const std::size_t open_at_;
  std::map<Id, Entry> entries_;
  Level levels_[3];
  Timers promotions_;
  Timers deadlines_;
  Id next_id_ = 1;
  bool accepting_ = true;
  bool cancel_noted_ = false;
  ServiceRate rate_;
};

}  // namespace forebay::scheduling
