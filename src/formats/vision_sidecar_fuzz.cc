// Any text as a sidecar of a detector, of a classifier, of a forecaster and of a recommender: no crash, and what is described survives
// JSON.
#include <cstdlib>

#include "formats/read_model.h"
#include "formats/series_reader.h"
#include "formats/vision_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::formats;
  const auto sidecar = read_vision_sidecar({reinterpret_cast<const char*>(bytes), size});
  if (!sidecar) return 0;
  ModelDescription model;
  model.inputs.push_back({.name = "image", .shape = {1, 3, 64, 64}, .dimension_names = {"", "", "", ""}});
  model.outputs.push_back({.name = "boxes", .shape = {1, 6, 84}, .dimension_names = {"", "", ""}});
  model.outputs.push_back({.name = "planes", .shape = {1, 4, 16, 16}, .dimension_names = {"", "", "", ""}});
  model.outputs.push_back({.name = "scores", .shape = {1, 10}, .dimension_names = {"", ""}});
  if (sidecar->series || sidecar->ranking) {
    model.inputs.push_back({.name = "steps", .shape = {-1, -1, 3}, .dimension_names = {"", "", ""}});
    model.inputs.push_back({.name = "ids", .dtype = forebay::tensors::DType::kInt64, .shape = {-1, -1}, .dimension_names = {"", ""}});
    if (!describe_series(model, *sidecar)) return 0;
    if (model.series && (model.series->window < 1 || model.series->stride < 1)) std::abort();
  } else if (!describe_vision(model, *sidecar)) {
    return 0;
  }
  const auto json = to_json(model);
  const auto again = description_from_json(json);
  if (!again || to_json(*again) != json) std::abort();
  return 0;
}
