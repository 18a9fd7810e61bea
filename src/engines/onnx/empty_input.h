// Requests with an input that has no elements: kernels of the library divide by the number of rows, so they never reach it.
// Threads: shared (no state). Owner: none.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::engines {

// The outputs of a request with an empty input, as far as the description decides them; nothing when no input is empty. kInputEmpty when
// an output would not be empty too, or its shape is not known. `inputs` fit the description, `outputs` are names of it.
Result<std::optional<tensors::NamedTensors>> answer_to_empty(const tensors::NamedTensors& inputs, std::span<const std::string> outputs,
                                                             const formats::ModelDescription& description);

}  // namespace forebay::engines
