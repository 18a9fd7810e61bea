#include "http/predict/image.h"

#include <algorithm>

#include "http/errors.h"
#include "http/tensor_run.h"
#include "tensors/picture_input.h"

namespace forebay::http::predict {

Result<tensors::NamedTensors> inputs_from_image(std::span<const std::byte> bytes, const formats::ModelDescription& description) {
  // Fewer dimensions may be anything; who means a picture can say so by JSON.
  const auto spec = std::ranges::find_if(
      description.inputs, [](const auto& input) { return input.shape.size() == 4 && tensors::takes_picture(input.shape, input.dtype); });
  if (spec == description.inputs.end()) return fail(kImageNotWanted, "the model has no input of shape [batch, channels, height, width]");
  tensors::NamedTensors inputs;
  TRY_ASSIGN(auto tensor, tensors::tensor_of_picture(bytes, spec->shape, spec->dtype, tensors::stated_pixel_range(description.metadata)));
  TRY(check_input(*spec, tensor));
  inputs.push_back({spec->name, std::move(tensor)});
  TRY(check_complete(description, inputs));
  return inputs;
}

}  // namespace forebay::http::predict
