// How the cells of a worker are laid out: one pool for all its texts, or a part for each.
// Measured on 60 M parameters, 2 cores: with 16 texts that share nothing, parts of their own decode twice as fast, because in a pool every
// token passes over the others' cells. A pool needs fewer cells, and lets one text be as long as the others leave room for.
// Threads: shared (no state).
#pragma once

#include "base/byte_budget.h"
#include "engines/engine.h"
#include "scheduling/scheduling_options.h"

namespace forebay::scheduling {

// What a worker's session is opened with. "auto" chooses parts where they take at most a quarter of the budget, if need be of 2,048 cells
// each, and the number of cells is left to us. `budget` may be null.
engines::GenerationSessionOptions session_options(const engines::LoadedModel& model, const GenerationOptions& options,
                                                  const ByteBudget* budget);

}  // namespace forebay::scheduling
