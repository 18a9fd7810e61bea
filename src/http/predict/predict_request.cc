#include "http/predict/predict_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/errors.h"
#include "http/predict/recipes.h"
#include "http/tensor_run.h"
#include "inference/tensor_inputs.h"

namespace forebay::http::predict {

namespace {

Result<tensors::NamedTensors> only_input(const JsonValue& value, const formats::ModelDescription& description) {
  if (description.inputs.size() != 1) {
    return fail(
        Error(kInputMissing, fmt::format("the model has {} inputs, so \"inputs\": {{\"name\": …}} is needed", description.inputs.size()))
            .with_field(value.path()));
  }
  TRY_ASSIGN(auto tensor, input_from_json(description.inputs.front(), value));
  tensors::NamedTensors inputs;
  inputs.push_back({description.inputs.front().name, std::move(tensor)});
  return inputs;
}

}  // namespace

Result<PredictBody> read_predict_body(std::string_view text, const JsonLimits& limits) {
  PredictBody body;
  TRY_ASSIGN(body.object, JsonObject::parse(text, limits));
  // A picture has other fields beside it: read_picture_body.
  if (!body.object.find("image")) {
    std::vector<std::string_view> known(std::begin(kRecipeFields), std::end(kRecipeFields));
    known.insert(known.end(), {"input", "inputs", "model", "version", "outputs", kPriorityField, kTimeoutField});
    TRY(body.object.only(known));
  }
  TRY_ASSIGN(body.model, body.object.string_or("model", ""));
  TRY_ASSIGN(body.version, body.object.string_or("version", ""));
  TRY_ASSIGN(body.urgency, read_urgency(body.object));
  return body;
}

Result<tensors::NamedTensors> read_inputs(const JsonObject& object, const formats::ModelDescription& description) {
  const auto single = object.find("input");
  const auto named = object.find("inputs");
  if (single && named) return fail(Error(kFieldConflict, "both 'input' and 'inputs' are given").with_field("input"));
  if (!single && !named)
    return fail(
        Error(kFieldMissing, "'input' is missing").with_field("input").with_hint("send {\"input\": …}, or {\"inputs\": {\"name\": …}}"));
  if (single) return only_input(*single, description);
  if (named->type() == JsonType::kArray) return only_input(*named, description);
  TRY_ASSIGN(const auto members, JsonObject::of(*named));
  tensors::NamedTensors inputs;
  for (const auto& member : members.members()) {
    TRY_ASSIGN(const auto* spec, inference::input_of(description, member.name));
    TRY_ASSIGN(auto tensor, input_from_json(*spec, member.value));
    inputs.push_back({spec->name, std::move(tensor)});
  }
  TRY(inference::check_complete(description, inputs));
  return inputs;
}

Result<std::vector<std::string>> read_outputs(const JsonObject& object, const formats::ModelDescription& description) {
  std::vector<std::string> names;
  const auto field = object.find("outputs");
  if (!field) return names;
  TRY_ASSIGN(const auto items, field->items(1024));
  for (const auto& item : items) {
    TRY_ASSIGN(auto name, item.string());
    if (std::ranges::find(description.outputs, name, &formats::TensorSpec::name) == description.outputs.end()) {
      return fail(Error(kInputUnknown, fmt::format("the model has no output '{}'", name.substr(0, 100))).with_field(item.path()));
    }
    if (std::ranges::find(names, name) != names.end())
      return fail(Error(kFieldConflict, fmt::format("the output '{}' is asked for twice", name)).with_field(item.path()));
    names.push_back(std::move(name));
  }
  return names;
}

Result<BatchBody> read_batch_body(std::string_view text, const JsonLimits& limits, std::size_t items_max) {
  TRY_ASSIGN(const auto object, JsonObject::parse(text, limits));
  std::vector<std::string_view> known(std::begin(kPictureFields), std::end(kPictureFields));
  known.insert(known.end(), {"items", "inputs"});
  TRY(object.only(known));
  BatchBody body;
  TRY_ASSIGN(body.fields, read_picture_fields(object));
  const auto items = object.find("items");
  const auto inputs = object.find("inputs");
  if (items && inputs) return fail(Error(kFieldConflict, "both 'items' and 'inputs' are given").with_field("items"));
  if (!items && !inputs) return fail(Error(kFieldMissing, "'items' is missing").with_field("items"));
  TRY_ASSIGN(body.items, (items ? *items : *inputs).items(items_max));
  if (body.items.empty()) return fail(Error(kFieldRange, "there must be at least one item").with_field(items ? "items" : "inputs"));
  return body;
}

Result<tensors::NamedTensors> read_item(const JsonValue& item, const formats::ModelDescription& description) {
  if (item.type() != JsonType::kObject) return only_input(item, description);
  TRY_ASSIGN(const auto object, JsonObject::of(item));
  TRY(object.only({"input", "inputs"}));
  return read_inputs(object, description);
}

}  // namespace forebay::http::predict
