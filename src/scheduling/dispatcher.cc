#include "scheduling/dispatcher.h"

#include <algorithm>
#include <utility>

namespace forebay::scheduling {

Dispatcher::Dispatcher(const AdmissionOptions& options, const Clock& clock, RoutingStrategy strategy)
    : SharedQueue(options, Routes{RoutingTable(strategy), {}}),
      clock_(clock),
      needs_hashes_(strategy == RoutingStrategy::kPrefixAffinity) {}

Result<> Dispatcher::push(Ticket ticket, GenerationWork&& work, Instant now, bool) {
  if (needs_hashes_) work.prompt_blocks = PrefixDirectory::hashes_of(work.prompt());
  TRY(insert(std::move(ticket), std::move(work), now));
  look_again();
  return {};
}

void Dispatcher::add_worker(WorkerId id, const StepWatch* watch, const HealthOptions& options) {
  with([&](Queue&, Routes& routes) { return &routes.table.add(id, watch, options); });
}

void Dispatcher::remove_worker(WorkerId id) {
  changed([&](Queue&, Routes& routes) {
    routes.table.remove(id);
    return true;
  });
}

std::size_t Dispatcher::set_staying(std::size_t count, Instant drained_until) {
  return changed([&](Queue&, Routes& routes) {
    std::size_t staying = 0;
    for (const auto& worker : routes.table.workers()) {
      if (worker->left) continue;
      const bool stays = staying < count;
      if (!stays && !worker->draining) worker->drained_until = drained_until;
      worker->draining = !stays;
      staying += stays;
    }
    return staying;
  });
}

RoutingStrategy Dispatcher::strategy() const {
  return read([](const Routes& routes) { return routes.table.strategy(); });
}

void Dispatcher::set_strategy(RoutingStrategy strategy) {
  needs_hashes_ = strategy == RoutingStrategy::kPrefixAffinity;
  changed([&](Queue&, Routes& routes) {
    routes.table.set_strategy(strategy);
    return true;
  });
}

std::vector<WorkerListing> Dispatcher::listing() const {
  return read([&](const Routes& routes) { return routes.table.listing(clock_.now()); });
}

void Dispatcher::look_again() {
  changed([](Queue&, Routes&) { return true; });
}

std::optional<Offer> Dispatcher::offer(WorkerId id) {
  return with([&](Queue& queue, Routes& routes) -> std::optional<Offer> {
    auto& inbox = routes.table.at(id).inbox;
    while (!inbox.empty()) {
      if (const GenerationWork* work = queue.find(inbox.front()))
        return Offer{inbox.front(), work->prompt_tokens, work->origin, work->request.tokens_max};
      inbox.pop_front();  // it died while it waited
    }
    return std::nullopt;
  });
}

std::optional<Dispatcher::Queue::Taken> Dispatcher::accept(WorkerId id, AdmissionOrder::Id request) {
  return with([&](Queue& queue, Routes& routes) -> std::optional<Queue::Taken> {
    RoutedWorker& worker = routes.table.at(id);
    if (worker.inbox.empty() || worker.inbox.front() != request) return std::nullopt;
    auto taken = queue.take(request, clock_.now());
    if (taken && !taken->error) routes.table.accept(worker, taken->work);
    return taken;
  });
}

void Dispatcher::decline(WorkerId id, AdmissionOrder::Id request) {
  with_worker(id, [&](RoutedWorker& worker) { return worker.declined = request; });
}

bool Dispatcher::report(WorkerId id, const Round& round) {
  const Instant now = clock_.now();
  return with_worker(id, [&](RoutedWorker& worker) {
    RoutingTable::report(worker, round.load);
    worker.steps += round.worked;
    if (!round.step_began) return false;
    if (round.failed) return worker.health.step_failed(*round.failed, *round.step_began, now);
    if (round.worked)
      worker.health.step_succeeded(*round.step_began, now);
    else
      worker.health.step_returned(*round.step_began, now);
    return false;
  });
}

std::uint64_t Dispatcher::calls(WorkerId id) const {
  return changes() + read([id](const Routes& routes) { return routes.table.at(id).calls; });
}

std::uint64_t Dispatcher::wait(WorkerId id, std::uint64_t seen, std::optional<Instant> until) {
  const auto calls = [id](std::uint64_t changes, const Routes& routes) { return changes + routes.table.at(id).calls; };
  wait_for([&](std::uint64_t changes, const Routes& routes) { return calls(changes, routes) != seen; }, until);
  return this->calls(id);
}

void Dispatcher::move(Sequences sequences) {
  changed([&](Queue&, Routes& routes) {
    std::ranges::move(sequences, std::back_inserter(routes.moved));
    moved_ = routes.moved.size();
    return true;
  });
  nudge();
}

std::unique_ptr<Sequence> Dispatcher::take_moved(WorkerId id) {
  if (moved_ == 0) return nullptr;
  return with([&](Queue&, Routes& routes) -> std::unique_ptr<Sequence> {
    if (routes.moved.empty()) return nullptr;
    RoutedWorker* chosen = routes.table.least_loaded(clock_.now());
    if (chosen == nullptr || chosen->id != id) return nullptr;
    auto sequence = std::move(routes.moved.front());
    routes.moved.pop_front();
    moved_ = routes.moved.size();
    ++chosen->taken;
    chosen->cells_taken += sequence->cells_after(kCellsAhead);
    return sequence;
  });
}

Dispatcher::Sequences Dispatcher::take_dead_moved() {
  Sequences dead;
  if (moved_ == 0) return dead;
  const Instant now = clock_.now();
  with([&](Queue&, Routes& routes) {
    std::erase_if(routes.moved, [&](auto& sequence) {
      const Ticket& ticket = sequence->ticket();
      if (!ticket.cancel.cancelled() && (!ticket.deadline || *ticket.deadline > now)) return false;
      dead.push_back(std::move(sequence));
      return true;
    });
    return moved_ = routes.moved.size();
  });
  return dead;
}

Dispatcher::Sequences Dispatcher::take_all_moved() {
  Sequences all;
  with([&](Queue&, Routes& routes) {
    std::ranges::move(routes.moved, std::back_inserter(all));
    routes.moved.clear();
    return moved_ = 0;
  });
  return all;
}

std::optional<Instant> Dispatcher::next_look(const HealthOptions& options) const {
  const Instant now = clock_.now();
  return read([&](const Routes& routes) {
    std::optional<Instant> next;
    const auto note = [&](Instant at) { next = next ? std::min(*next, at) : at; };
    for (const auto& sequence : routes.moved) {
      if (sequence->ticket().deadline) note(*sequence->ticket().deadline);
    }
    if (size() == 0 && routes.moved.empty()) return next;
    for (const auto& worker : routes.table.workers()) {
      const auto since = worker->watch->running_since();
      if (!since) continue;
      const Instant stalls = *since + options.step_stalled_after + std::chrono::milliseconds(1);
      if (stalls > now) note(stalls);
    }
    return next;
  });
}

}  // namespace forebay::scheduling
