// What /predict does for models whose sidecar declares series or a ranking.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "formats/model_description.h"
#include "http/json_body.h"
#include "http/json_writer.h"
#include "tensors/tensor.h"

namespace forebay::http::predict {

// Fields that may stand beside an input.
inline constexpr std::string_view kRecipeFields[] = {"series", "stride", "top_k", "raw"};

struct RecipeRequest {
  tensors::NamedTensors inputs;
  std::vector<std::int64_t> starts;      // of the windows of a series; empty: none was sent
  std::optional<tensors::Tensor> known;  // ids that are left out of a ranking
  std::uint32_t top_k = 0;
  bool raw = false;  // the outputs of a ranking too
};
// The inputs, of "series" or as read_inputs does. kFieldNotSupported for a field that the model's sidecar does not declare; the codes of
// cut_series and read_inputs.
Result<RecipeRequest> read_recipe_inputs(const JsonObject& object, const formats::ModelDescription& description);

// "windows", "items" and the outputs, as members of the open object.
Result<> write_recipe_answer(JsonWriter& json, const RecipeRequest& request, const formats::ModelDescription& description,
                             const tensors::NamedTensors& outputs);

}  // namespace forebay::http::predict
