#include "http/predict/image.h"

#include <algorithm>

#include "http/errors.h"
#include "http/tensor_run.h"

namespace forebay::http::predict {

Result<PictureInputs> inputs_from_image(std::span<const std::byte> bytes, const formats::ModelDescription& description,
                                        const tensors::ImageLimits& limits) {
  if (!description.vision) return fail(kImageNotWanted, "the model has no input of shape [batch, channels, height, width]");
  const auto spec = std::ranges::find(description.inputs, description.vision->input, &formats::TensorSpec::name);
  if (spec == description.inputs.end()) return fail(kImageNotWanted, "the model has no input for pictures");
  TRY_ASSIGN(const auto picture, tensors::decode_image(bytes, limits));
  TRY_ASSIGN(auto input, tensors::vision_input(picture, description.vision->picture, spec->shape, spec->dtype));
  TRY(check_input(*spec, input.tensor));
  PictureInputs made{.inputs = {}, .seen = input.seen};
  made.inputs.push_back({spec->name, std::move(input.tensor)});
  TRY(check_complete(description, made.inputs));
  return made;
}

}  // namespace forebay::http::predict
