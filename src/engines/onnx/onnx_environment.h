// The process-wide environment of ONNX Runtime: telemetry off before its first call, its log in ours, its start-up noise silenced.
// Threads: shared. Owner: the process; made by the first use, never destroyed (the library's own threads may outlive main).
#pragma once

#include "engines/onnx/onnx_api.h"

namespace forebay::engines {

// Throws Ort::Exception when the library cannot be started.
Ort::Env& onnx_environment();

// What every session of ours has: one run after the other, everything optimized, and threads that do not spin between runs, because several
// models share the machine. onnx_environment() comes first.
Ort::SessionOptions session_options_for(std::size_t threads);
// For shapes that change: with each new one the arena keeps another set of blocks and the planner another pattern, and neither ever
// shrinks.
void keep_memory_flat(Ort::SessionOptions& options);
// For graphs whose constants may grow: nothing stops the library while it computes one at load.
void compute_constants_in_runs(Ort::SessionOptions& options);

// Decides what start-up noise is: "Schema error: … it is already registered …" lines and the empty line after each.
// Debian's build registers its schemas twice, 629 of them, at the first session (1.23.2+dfsg).
class SchemaNoise {
 public:
  bool drops(std::string_view line);
  std::size_t dropped() const { return dropped_; }

 private:
  bool after_schema_error_ = false;
  std::size_t dropped_ = 0;
};

}  // namespace forebay::engines
