// Decides which worker should have a request. It knows numbers, not threads: the pool shows it what the workers look like now.
// Thread safety: none; confined to its owner's lock. Owner: RoutingTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace forebay::scheduling {

enum class RoutingStrategy : std::uint8_t {
  kRoundRobin,      // the next in turn after the last one that was given a request
  kLeastLoaded,     // the smallest share of its sequences in use
  kMemoryAware,     // the most free cells
  kPrefixAffinity,  // the one that computed the longest beginning of the prompt, unless it is overloaded; else the least loaded
};
std::string_view name_of(RoutingStrategy strategy);  // "round_robin", "least_loaded", "memory_aware", "prefix_affinity"
std::optional<RoutingStrategy> routing_strategy_named(std::string_view name);

// What one worker looks like to one request.
struct WorkerSnapshot {
  bool healthy = true;  // in rotation: healthy, suspect, or on probation
  bool draining = false;
  bool declines = false;      // was asked for this request before and had no cells for it
  std::uint32_t running = 0;  // parked ones too
  std::uint32_t sequences_max = 0;
  std::uint64_t cells_free = 0;
  std::uint64_t cells_max = 0;
  std::size_t prefix_tokens = 0;  // of the request, which it may still hold

  bool takes() const { return healthy && !draining && !declines && running < sequences_max; }
};

class WorkerRouter {
 public:
  // A shorter prefix costs less to compute again than a worse balance does.
  static constexpr std::size_t kPrefixTokensMin = 32;

  explicit WorkerRouter(RoutingStrategy strategy) : strategy_(strategy) {}

  // The index of the worker that should have the request, among those that take one; nothing when none does. As a full worker is never
  // chosen, an idle one gets what waits. Ties: the lowest index.
  std::optional<std::size_t> choose(std::span<const WorkerSnapshot> workers) const;
  // This worker was given a request: the turn passes to the next.
  void placed(std::size_t worker) { last_placed_ = worker; }

  RoutingStrategy strategy() const { return strategy_; }
  void set_strategy(RoutingStrategy strategy) { strategy_ = strategy; }

 private:
  RoutingStrategy strategy_;
  std::optional<std::size_t> last_placed_;
};

}  // namespace forebay::scheduling
