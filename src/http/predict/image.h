// A picture in the body of POST /predict as the input of the model that looks like one.
// Threads: immutable.
#pragma once

#include <span>

#include "formats/model_description.h"
#include "tensors/tensor.h"

namespace forebay::http::predict {

// The first input of shape [batch, 1 | 3, height, width] or [batch, height, width, 1 | 3]; kImageNotWanted. Free sides take the picture's
// own. Pixels are 0 to 255, or within the "input_range" ("0,16") of the model's metadata. Other inputs must be optional: kInputMissing.
Result<tensors::NamedTensors> inputs_from_image(std::span<const std::byte> bytes, const formats::ModelDescription& description);

}  // namespace forebay::http::predict
