// The queue of a generation model with its routing: a request is assigned to the inbox of a worker when it arrives, and whenever the load
// of a worker changes. A worker looks at its own inbox only, and decides by itself whether it has cells for the request.
// Thread safety: shared. Blocks: no other lock is taken under this one's, and nothing slow is done under it. Owner: the runner; it
// outlives the workers.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "scheduling/routing_table.h"
#include "scheduling/shared_queue.h"

namespace forebay::scheduling {

// A request in an inbox, for its worker to look at.
struct Offer {
  AdmissionOrder::Id id = 0;
  std::shared_ptr<const std::vector<Token>> prompt;
  TextOrigin origin;
  std::uint32_t tokens_max = 0;
  KeyedText text() const { return {*prompt, origin}; }
};

// The result of one round of a worker.
struct Round {
  WorkerLoad load;
  std::optional<Instant> step_began;    // if there was a step
  bool worked = false;                  // it succeeded
  std::optional<std::uint64_t> failed;  // the step of this request, by serial, failed
};

struct Routes {
  RoutingTable table;
  std::deque<std::unique_ptr<Sequence>> moved;  // lost their worker; none continues them yet
};

class Dispatcher : public SharedQueue<GenerationWork, Routes> {
 public:
  using Sequences = std::vector<std::unique_ptr<Sequence>>;
  Dispatcher(const AdmissionOptions& options, const Clock& clock, RoutingStrategy strategy = RoutingStrategy::kLeastLoaded);

  // As SharedQueue::push.
  Result<> push(Ticket ticket, GenerationWork&& work, Instant now, bool wakes = true);
  void add_worker(WorkerId id, const StepWatch* watch, const HealthOptions& options);
  void remove_worker(WorkerId id);
  // The first `count` workers that have not left stay; the others drain, until `drained_until` at most. Returns how many stay.
  std::size_t set_staying(std::size_t count, Instant drained_until);
  // Calls look(RoutedWorker&), which may change the worker, and assigns anew.
  template <class Look>
  auto with_worker(WorkerId id, Look look) {
    return changed([&](Queue&, Routes& routes) { return look(routes.table.at(id)); });
  }
  RoutingStrategy strategy() const;
  void set_strategy(RoutingStrategy strategy);
  std::vector<WorkerListing> listing() const;
  // Assigns anew: time has passed, which takes a worker with a stalled step out of rotation.
  void look_again();

  // Of a worker:
  // The first request of its inbox.
  std::optional<Offer> offer(WorkerId id);
  // Takes the offered request; nothing if it is no longer the worker's.
  std::optional<Queue::Taken> accept(WorkerId id, AdmissionOrder::Id request);
  // There are no cells for the offered request.
  void decline(WorkerId id, AdmissionOrder::Id request);
  // True when the worker is broken: its session is to be opened anew.
  bool report(WorkerId id, const Round& round);
  // Counts what the worker has to look at; and waits until that changes, at most until `until`. Returns the count.
  std::uint64_t calls(WorkerId id) const;
  std::uint64_t wait(WorkerId id, std::uint64_t seen, std::optional<Instant> until);

  // Sequences that lost their worker:
  void move(Sequences sequences);
  std::unique_ptr<Sequence> take_moved(WorkerId id);  // one that this worker is to continue
  Sequences take_dead_moved();                        // cancelled, or past their deadline
  Sequences take_all_moved();
  std::size_t moved() const { return moved_; }
  // When a waiting worker has to look again although nothing has changed: a moved sequence reaches its deadline, or a step counts as
  // stalled.
  std::optional<Instant> next_look(const HealthOptions& options) const;

 private:
  // Calls change(queue, routes), assigns anew, and wakes workers with a new inbox.
  template <class Change>
  auto changed(Change change) {
    bool wakes = false;
    auto result = with([&](Queue& queue, Routes& routes) {
      auto made = change(queue, routes);
      wakes = routes.table.assign(queue, clock_.now());
      return made;
    });
    if (wakes) wake_all();
    return result;
  }

  const Clock& clock_;
  std::atomic<bool> needs_hashes_;
  std::atomic<std::size_t> moved_{0};
};

}  // namespace forebay::scheduling
