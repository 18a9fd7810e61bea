// The answers of models whose sidecar declares a series or a ranking, in the forms people ask for.
// Threads: no state.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/run_inputs.h"
#include "cli/run_options.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::cli {

// Whether the answer has more than the outputs: windows of a series, or items of a ranking (unless outputs were named).
bool has_recipe_answer(const ReadInputs& read, const formats::ModelDescription& model, const RunOptions& options);

// JSON: "windows", "items" and the outputs, as POST /predict answers. Text: windows and items as tables. CSV of a ranking: a row for each
// item. The outputs where a form has nothing else. The errors of tensors::rank_items and render_outputs.
Result<std::string> render_recipe(const ReadInputs& read, const tensors::NamedTensors& outputs, const formats::ModelDescription& model,
                                  const RunOptions& options, OutputForm form);

}  // namespace forebay::cli
