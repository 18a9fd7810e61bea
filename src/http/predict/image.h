// A picture as the input of a model that looks at pictures.
// Threads: immutable.
#pragma once

#include <span>

#include "formats/model_description.h"
#include "tensors/image.h"
#include "tensors/tensor.h"
#include "tensors/vision.h"

namespace forebay::http::predict {

struct PictureInputs {
  tensors::NamedTensors inputs;
  tensors::Seen seen;
};
// By the model's recipe; kImageNotWanted when it has none. Other inputs must be optional: kInputMissing. The codes of decode_image and
// to_input.
Result<PictureInputs> inputs_from_image(std::span<const std::byte> bytes, const formats::ModelDescription& description,
                                        const tensors::ImageLimits& limits);

}  // namespace forebay::http::predict
