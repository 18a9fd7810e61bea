// Any text as a preprocessor_config.json and as a config.json: no crash, and what is described survives JSON.
#include <cstdlib>

#include "formats/image_processor.h"
#include "formats/read_model.h"
#include "formats/vision_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace forebay::formats;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto config = read_image_model_config(text);
  auto processor = read_image_processor(text);
  if (!processor) return 0;
  if (config) processor->task = config->task;
  ModelDescription model;
  model.inputs.push_back({.name = "pixel_values", .shape = {-1, 3, -1, -1}, .dimension_names = {"", "", "", ""}});
  model.outputs.push_back({.name = "logits", .shape = {-1, 10}, .dimension_names = {"", ""}});
  if (!describe_vision(model, *processor)) return 0;
  const auto json = to_json(model);
  const auto again = description_from_json(json);
  if (!again || to_json(*again) != json) std::abort();
  return 0;
}
