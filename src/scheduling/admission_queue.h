// The bounded queue in front of every runner: an AdmissionOrder and the work its entries stand for.
// Threads: confined to its owner's lock (see SharedQueue); no clock, every call is told the time. Owner: SharedQueue.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "scheduling/admission_order.h"

namespace forebay::scheduling {

template <class Work>
class AdmissionQueue {
 public:
  explicit AdmissionQueue(const AdmissionOptions& options) : order_(options) {}

  // What leaves the queue: to be computed, or with the error it is to be answered with.
  struct Taken {
    Ticket ticket;
    Work work;
    Duration waited{};
    std::optional<Error> error;
  };

  // kOverloaded with a Retry-After, kDeadlinePassed, or the cancel token's error; the work is untouched by a refusal.
  Result<> push(Ticket ticket, Work&& work, Instant now) {
    TRY_ASSIGN(const auto id, order_.push(std::move(ticket), now));
    work_.emplace(id, std::move(work));
    return {};
  }
  // What push() would say now.
  Result<> check(const Ticket& ticket, Instant now) { return order_.check(ticket, now); }
  // The next in order; expired and cancelled ones come out first, with their error.
  std::optional<Taken> take(Instant now) {
    return take_first(now, [](const Work&) { return true; }, 1);
  }
  // The same if `matches(work)` holds for one of the first `looked_at_max` in order, else nothing.
  template <class Matches>
  std::optional<Taken> take_first(Instant now, Matches matches, std::size_t looked_at_max) {
    if (auto dead = take_dead(now)) return dead;
    const auto id = order_.find(now, [&](AdmissionOrder::Id at) { return matches(work_.at(at)); }, looked_at_max);
    if (!id) return std::nullopt;
    return remove(*id, now);
  }
  // One that expired or was cancelled; nothing when all are alive.
  std::optional<Taken> take_dead(Instant now) {
    const auto id = order_.find_dead(now);
    if (!id) return std::nullopt;
    return remove(*id, now);
  }
  // This one, if it still waits; with its error if it has expired or was cancelled.
  std::optional<Taken> take(AdmissionOrder::Id id, Instant now) {
    if (!order_.contains(id)) return std::nullopt;
    return remove(id, now);
  }
  // Null if it no longer waits.
  const Work* find(AdmissionOrder::Id id) const {
    const auto found = work_.find(id);
    return found == work_.end() ? nullptr : &found->second;
  }
  // Calls look(id, work) for the first `looked_at_max` in order, until it says false.
  template <class Look>
  void look_in_order(Instant now, std::size_t looked_at_max, Look look) {
    order_.look_in_order(now, looked_at_max, [&](AdmissionOrder::Id id) { return look(id, std::as_const(work_.at(id))); });
  }
  // Some ticket's token was cancelled: the next take looks for it.
  void note_cancelled() { order_.note_cancelled(); }
  // A request that was taken without an error has been answered.
  void finished(Instant now) { order_.rate().finished(now); }

  // Calls look(work) for every entry, in no order.
  template <class Look>
  void look_at_all(Look look) const {
    for (const auto& [id, work] : work_) look(work);
  }
  std::size_t size() const { return order_.size(); }
  bool accepting() const { return order_.accepting(); }
  std::optional<Instant> next_deadline() const { return order_.next_deadline(); }
  std::optional<Instant> oldest_arrival() const { return order_.oldest_arrival(); }

 private:
  Taken remove(AdmissionOrder::Id id, Instant now) {
    auto error = order_.death_of(id, now);
    auto work = work_.extract(id);
    auto entry = order_.remove(id, !error);
    if (!error) order_.rate().started(now);
    return Taken{std::move(entry.ticket), std::move(work.mapped()), now - entry.arrived, std::move(error)};
  }

  AdmissionOrder order_;
  std::unordered_map<AdmissionOrder::Id, Work> work_;
};

}  // namespace forebay::scheduling
