#include "scheduling/routing_table.h"

#include <algorithm>
#include <utility>

namespace forebay::scheduling {

namespace {
// Blocks of prompts that are remembered for prefix_affinity: a million tokens, a few MB.
constexpr std::size_t kDirectoryBlocks = 32'768;
}  // namespace

RoutingTable::RoutingTable(RoutingStrategy strategy) : router_(strategy), directory_(kDirectoryBlocks) {}

RoutedWorker& RoutingTable::add(WorkerId id, const StepWatch* watch, const HealthOptions& options) {
  return *workers_.emplace_back(std::make_unique<RoutedWorker>(id, watch, options));
}

void RoutingTable::remove(WorkerId id) {
  std::erase_if(workers_, [id](const auto& worker) { return worker->id == id; });
}

RoutedWorker& RoutingTable::at(WorkerId id) {
  return **std::ranges::find(workers_, id, [](const auto& worker) { return worker->id; });
}

const RoutedWorker& RoutingTable::at(WorkerId id) const {
  return **std::ranges::find(workers_, id, [](const auto& worker) { return worker->id; });
}

std::size_t RoutingTable::cells_soon_of(const GenerationWork& work) {
  return work.prompt().size() + std::min<std::size_t>(work.request.tokens_max, kCellsAhead);
}

WorkerSnapshot RoutingTable::snapshot_of(const RoutedWorker& worker, Instant now) const {
  const auto running = worker.load.sequences + worker.taken + static_cast<std::uint32_t>(worker.inbox.size());
  const std::size_t needed = worker.load.cells_needed + worker.cells_taken + worker.inbox_cells;
  const WorkerState state = worker.health.state(now, worker.watch->running_since());
  return {.healthy = worker.open && !worker.left && state != WorkerState::kRemoved,
          .draining = worker.draining,
          .declines = running > 0 && worker.load.parked > 0,
          .running = running,
          .sequences_max = state == WorkerState::kProbation ? 1 : worker.load.sequences_max,
          .cells_free = worker.load.cells_max - std::min<std::size_t>(worker.load.cells_max, needed),
          .cells_max = worker.load.cells_max};
}

std::optional<std::size_t> RoutingTable::choose(const GenerationWork& work, AdmissionOrder::Id id, std::vector<WorkerSnapshot>& snapshots,
                                                const WorkerRouter& router) {
  if (router.strategy() == RoutingStrategy::kPrefixAffinity && workers_.size() > 1) {
    std::vector<PrefixDirectory::Holder> holders;
    for (const auto& worker : workers_) holders.push_back(worker->holder);
    const auto known = directory_.longest(work.prompt_blocks, holders);
    for (std::size_t i = 0; i < snapshots.size(); ++i) snapshots[i].prefix_tokens = known[i];
  }
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    const RoutedWorker& worker = *workers_[i];
    snapshots[i].declines = snapshots[i].running > 0 && (worker.load.parked > 0 || worker.declined == id);
  }
  return router.choose(snapshots);
}

bool RoutingTable::assign(Queue& queue, Instant now) {
  std::vector<std::optional<AdmissionOrder::Id>> first;
  for (const auto& worker : workers_) {
    first.push_back(worker->inbox.empty() ? std::nullopt : std::optional(worker->inbox.front()));
    worker->inbox.clear();
    worker->inbox_cells = 0;
  }
  std::vector<WorkerSnapshot> snapshots;
  for (const auto& worker : workers_) snapshots.push_back(snapshot_of(*worker, now));
  WorkerRouter router = router_;  // turns pass when a request is taken
  queue.look_in_order(now, kLookedAtMax, [&](AdmissionOrder::Id id, const GenerationWork& work) {
    const auto chosen = choose(work, id, snapshots, router);
    if (!chosen) return false;
    const std::size_t cells = cells_soon_of(work);
    workers_[*chosen]->inbox.push_back(id);
    workers_[*chosen]->inbox_cells += cells;
    ++snapshots[*chosen].running;
    snapshots[*chosen].cells_free -= std::min<std::uint64_t>(snapshots[*chosen].cells_free, cells);
    router.placed(*chosen);
    return true;
  });
  bool any = false;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    RoutedWorker& worker = *workers_[i];
    if (worker.inbox.empty() || first[i] == worker.inbox.front()) continue;
    ++worker.calls;
    any = true;
    if (!worker.watch->running_since()) continue;
    // Its step may stall: the others wait until then at most (Dispatcher::next_look).
    for (const auto& other : workers_) other->calls += other->id != worker.id;
  }
  return any;
}

void RoutingTable::accept(RoutedWorker& worker, const GenerationWork& work) {
  const std::size_t cells = cells_soon_of(work);
  worker.inbox.pop_front();
  worker.inbox_cells -= std::min(worker.inbox_cells, cells);
  ++worker.taken;
  worker.cells_taken += cells;
  const auto place = std::ranges::find(workers_, worker.id, [](const auto& one) { return one->id; });
  router_.placed(static_cast<std::size_t>(place - workers_.begin()));
  if (router_.strategy() == RoutingStrategy::kPrefixAffinity) directory_.note(worker.holder, work.prompt_blocks);
}

RoutedWorker* RoutingTable::least_loaded(Instant now) const {
  std::vector<WorkerSnapshot> snapshots;
  for (const auto& worker : workers_) snapshots.push_back(snapshot_of(*worker, now));
  const auto chosen = WorkerRouter(RoutingStrategy::kLeastLoaded).choose(snapshots);
  return chosen ? workers_[*chosen].get() : nullptr;
}

void RoutingTable::report(RoutedWorker& worker, const WorkerLoad& load) {
  const bool has_more_room = load.sequences < worker.load.sequences + worker.taken || load.parked < worker.load.parked ||
                             load.cells_needed < worker.load.cells_needed + worker.cells_taken;
  if (has_more_room) worker.declined.reset();
  worker.load = load;
  worker.taken = 0;
  worker.cells_taken = 0;
}

std::vector<WorkerListing> RoutingTable::listing(Instant now) const {
  std::vector<WorkerListing> list;
  for (const auto& worker : workers_) {
    if (worker->left) continue;
    std::string_view state = name_of(worker->health.state(now, worker->watch->running_since()));
    if (worker->draining)
      state = "draining";
    else if (!worker->open && !worker->health.needs_restart())
      state = "starting";
    list.push_back({.id = worker->id,
                    .state = std::string(state),
                    .running = worker->load.sequences + worker->taken,
                    .sequences_max = worker->load.sequences_max,
                    .cells_used = worker->load.cells_used,
                    .cells_max = worker->load.cells_max,
                    .steps = worker->steps,
                    .failures_in_a_row = worker->health.failures_in_a_row(),
                    .restarts = worker->health.restarts()});
  }
  return list;
}

}  // namespace forebay::scheduling
