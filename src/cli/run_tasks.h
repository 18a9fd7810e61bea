// What `forebay run` does with an opened model, by its task.
// Threads: confined to the main thread.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "cli/console.h"
#include "cli/run_inputs.h"
#include "cli/run_options.h"
#include "models/served_model.h"

namespace forebay::cli {

// Each refuses options that belong to another task (kOptionOutOfPlace).
Result<> run_tensors(Console& console, models::ServedModel& model, const RunOptions& options);
// One answer for a prompt; a conversation when there is none and standard input is a terminal.
Result<> run_generation(Console& console, models::ServedModel& model, const Clock& clock, const RunOptions& options);
Result<> run_embedding(Console& console, models::ServedModel& model, const RunOptions& options);
// Ranks texts for --query; without one, the classes of each text.
Result<> run_scoring(Console& console, models::ServedModel& model, const RunOptions& options);

// The answer to these inputs: what a picture shows, windows and items by the sidecar's recipe, or the outputs.
Result<std::string> render_answer(const ReadInputs& read, const tensors::NamedTensors& outputs, const formats::ModelDescription& model,
                                  const RunOptions& options, OutputForm form);

// Standard input to its end, at most `bytes_max`. kFileTooLarge.
Result<std::string> read_all(Console& console, std::size_t bytes_max);

}  // namespace forebay::cli
