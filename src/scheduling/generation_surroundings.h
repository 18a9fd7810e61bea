// What a generation loop works on: the queue its requests come from, and what its runner shares with other loops.
#pragma once

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

// All outlive the loop.
struct GenerationSurroundings {
  RunnerContext context;
  const text::Tokenizer* tokenizer = nullptr;
  const std::vector<Token>* end_tokens = nullptr;
  GenerationQueue* queue = nullptr;
  StepWatch* watch = nullptr;
  RunnerCounters* counters = nullptr;
  LowerTiers lower = {};  // of the prefix cache
  // Whether this loop should take that request from the queue, asked under the queue's lock; empty: every one.
  std::function<bool(const GenerationWork&)> may_take;
  // What became of a request that it may take, under the same lock: it takes it now, or has no cells for it yet.
  std::function<void(const GenerationWork&, bool takes)> offered;
};

}  // namespace forebay::scheduling
