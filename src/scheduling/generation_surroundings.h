// What a generation loop works on: the dispatcher its requests come from, and what its runner shares with other loops.
#pragma once

#include <vector>

#include "scheduling/dispatcher.h"
#include "scheduling/prefix_cache.h"
#include "scheduling/runner_counters.h"
#include "scheduling/runners.h"
#include "scheduling/step_watch.h"

namespace forebay::scheduling {

// All outlive the loop.
struct GenerationSurroundings {
  RunnerContext context;
  const text::Tokenizer* tokenizer = nullptr;
  const std::vector<Token>* end_tokens = nullptr;
  Dispatcher* dispatcher = nullptr;
  RunnerCounters* counters = nullptr;
  LowerTiers lower = {};  // of the prefix cache
  // Of one worker; its pool sets them.
  WorkerId worker = 0;
  StepWatch* watch = nullptr;
};

}  // namespace forebay::scheduling
