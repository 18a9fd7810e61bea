// `forebay run --batch`: one input a line, one JSON answer a line in the same order. What one line gets wrong is its own.
// Threads: confined to the main thread.
#pragma once

#include "base/result.h"
#include "cli/console.h"
#include "cli/run_options.h"
#include "models/served_model.h"

namespace forebay::cli {

// Lines of options.batch_file are what INPUT may be; empty ones are passed over. A line that fails gives {"line", "error": {…}}.
// kBatchIncomplete when one did, after all answers are written; kOptionOutOfPlace for models other than tensors' and for other inputs or
// forms.
Result<> run_batch(Console& console, models::ServedModel& model, const RunOptions& options);

}  // namespace forebay::cli
