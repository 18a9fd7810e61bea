// Which worker should have which queued request: what the workers last reported, and an inbox for each of them.
//   assign() fills the inboxes in the queue's order. Head-of-line rule: a request that no worker in rotation takes ends the assignment, so
//   that nothing after it is taken before room for it appears. A worker that has declined a request (no cells) is asked again once a
//   sequence of it has ended or needs fewer cells.
// Thread safety: none; confined to the dispatcher's lock. Time is passed in as `now`. Owner: Dispatcher.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "scheduling/admission_queue.h"
#include "scheduling/prefix_directory.h"
#include "scheduling/sequence.h"
#include "scheduling/step_watch.h"
#include "scheduling/worker_health.h"
#include "scheduling/worker_listing.h"
#include "scheduling/worker_load.h"
#include "scheduling/worker_router.h"

namespace forebay::scheduling {

using WorkerId = std::uint64_t;

struct RoutedWorker {
  RoutedWorker(WorkerId number, const StepWatch* of, const HealthOptions& options) : id(number), watch(of), health(options) {}

  const WorkerId id;
  const StepWatch* const watch;
  WorkerHealth health;
  WorkerLoad load;                             // as last reported
  std::uint32_t taken = 0;                     // requests since then
  std::size_t cells_taken = 0;                 // cells that these will need soon
  std::optional<AdmissionOrder::Id> declined;  // the last request it had no cells for
  std::deque<AdmissionOrder::Id> inbox;
  std::size_t inbox_cells = 0;  // that the inbox will need soon
  std::uint64_t calls = 0;      // times it had to look at its inbox
  PrefixDirectory::Holder holder = 0;
  bool open = false;
  bool draining = false;
  bool left = false;  // its thread does nothing more
  Instant drained_until{};
  std::uint64_t steps = 0;  // that worked
};

class RoutingTable {
 public:
  using Queue = AdmissionQueue<GenerationWork>;
  // Queued requests that are looked at in one assignment.
  static constexpr std::size_t kLookedAtMax = 64;

  explicit RoutingTable(RoutingStrategy strategy);
  // Requires: an id that was never used.
  RoutedWorker& add(WorkerId id, const StepWatch* watch, const HealthOptions& options);
  void remove(WorkerId id);
  // Requires: a worker of this table.
  RoutedWorker& at(WorkerId id);
  const RoutedWorker& at(WorkerId id) const;
  std::span<const std::unique_ptr<RoutedWorker>> workers() const { return workers_; }
  RoutingStrategy strategy() const { return router_.strategy(); }
  void set_strategy(RoutingStrategy strategy) { router_.set_strategy(strategy); }

  // Fills the inboxes anew. True if a worker has to look at its own.
  bool assign(Queue& queue, Instant now);
  // The worker takes this request from its inbox.
  void accept(RoutedWorker& worker, const GenerationWork& work);
  // The worker for a sequence that lost its own; nothing when none takes one.
  RoutedWorker* least_loaded(Instant now) const;
  static void report(RoutedWorker& worker, const WorkerLoad& load);
  std::vector<WorkerListing> listing(Instant now) const;

  // Cells that a request will need soon.
  static std::size_t cells_soon_of(const GenerationWork& work);

 private:
  WorkerSnapshot snapshot_of(const RoutedWorker& worker, Instant now) const;
  std::optional<std::size_t> choose(const GenerationWork& work, AdmissionOrder::Id id, std::vector<WorkerSnapshot>& snapshots,
                                    const WorkerRouter& router);

  std::vector<std::unique_ptr<RoutedWorker>> workers_;
  WorkerRouter router_;
  PrefixDirectory directory_;
};

}  // namespace forebay::scheduling
