// The bodies of POST /predict and /predict/batch, read into tensors.
// Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/model_description.h"
#include "http/json_body.h"
#include "http/predict/picture_request.h"
#include "http/urgency.h"
#include "tensors/tensor.h"

namespace forebay::http::predict {

// Which model, before anything else is read.
struct PredictBody {
  JsonObject object;
  std::string model;
  std::string version;
  Urgency urgency;
};
//   {"input": …} or {"inputs": {"name": …}}, "model", "version", "outputs": ["name"], "priority", "timeout_ms"
Result<PredictBody> read_predict_body(std::string_view text, const JsonLimits& limits);
// The inputs of this object ("input" or "inputs") for this model. kFieldMissing, kFieldConflict, kInputUnknown, kInputMissing, and tensors'
// codes.
Result<tensors::NamedTensors> read_inputs(const JsonObject& object, const formats::ModelDescription& description);
// "outputs"; empty: all. kInputUnknown.
Result<std::vector<std::string>> read_outputs(const JsonObject& object, const formats::ModelDescription& description);

//   {"items": [{"input": …}, {"image": "base64"}, …]} or {"inputs": [value, …]} or a bare input an item, and what may stand beside a
//   picture
struct BatchBody {
  PictureFields fields;
  std::vector<JsonValue> items;
};
Result<BatchBody> read_batch_body(std::string_view text, const JsonLimits& limits, std::size_t items_max);
// One of its items: an object with "input" or "inputs", or the value of the only input.
Result<tensors::NamedTensors> read_item(const JsonValue& item, const formats::ModelDescription& description);

}  // namespace forebay::http::predict
