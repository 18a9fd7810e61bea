// A tensor model's answer in the forms people ask for.
// Threads: no state.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/run_options.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::cli {

// "text", "json", "csv", "npy", "png"; kUsage for any other.
Result<OutputForm> output_form_named(std::string_view name);

// Text: name, type, shape and values, the best labels where the model names its classes. JSON: {"outputs": {name: nested}}.
// CSV: a row for each row of the batch, all outputs side by side. npy: the only output. png: the only output, when it is a picture.
// kOutputFormat for what a form cannot hold.
Result<std::string> render_outputs(const tensors::NamedTensors& outputs, const formats::ModelDescription& model, OutputForm form);

}  // namespace forebay::cli
