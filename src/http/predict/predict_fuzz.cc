// Any bytes as the body of a prediction: tensors of the model's own shape, or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/predict/picture_request.h"
#include "http/predict/predict_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay;
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  formats::ModelDescription description;
  description.inputs.push_back({.name = "a", .dtype = tensors::DType::kFloat32, .shape = {-1, 2}});
  description.inputs.push_back({.name = "s", .dtype = tensors::DType::kString, .shape = {-1}, .is_optional = true});
  const http::JsonLimits limits{.depth_max = 16, .keys_max = 64};
  if (const auto request = http::predict::read_predict_body(body, limits)) {
    const auto inputs = http::predict::read_inputs(request->object, description);
    if (inputs && inputs->front().tensor.size() % 2 != 0 && inputs->front().name == "a") __builtin_trap();
  }
  if (const auto batch = http::predict::read_batch_body(body, limits, 8)) {
    for (const auto& item : batch->items) {
      if (!http::predict::read_item(item, description)) break;
    }
  }
  const auto picture = http::predict::read_picture_body(body, limits);
  if (picture && picture->picture.size() > body.size()) __builtin_trap();
  return 0;
}
