// What a generation loop works on: the queue its requests come from, and what its runner shares with other loops.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "scheduling/prefix_cache.h"
#include "scheduling/runner_counters.h"
#include "scheduling/runners.h"
#include "scheduling/sequence.h"
#include "scheduling/shared_queue.h"
#include "scheduling/step_watch.h"

namespace forebay::scheduling {

using GenerationQueue = SharedQueue<GenerationWork>;

// What a loop does with a queued request.
enum class Routing : std::uint8_t {
  kHere,       // takes it as soon as it fits; nothing after it is taken before
  kElsewhere,  // leaves it to another worker and looks at the next request
  kBlocked,    // no worker has room for it now; nothing after it is taken before, so that room appears
};

// All outlive the loop.
struct GenerationSurroundings {
  RunnerContext context;
  const text::Tokenizer* tokenizer = nullptr;
  const std::vector<Token>* end_tokens = nullptr;
  GenerationQueue* queue = nullptr;
  StepWatch* watch = nullptr;
  RunnerCounters* counters = nullptr;
  LowerTiers lower = {};  // of the prefix cache
  // Decides about a queued request, under the queue's lock.
  std::function<Routing(const GenerationWork&)> route;
  // Is told, under the queue's lock, whether this loop takes a request that was routed to it (else it has no cells for it yet).
  std::function<void(const GenerationWork&, bool takes)> offered;
};

}  // namespace forebay::scheduling
