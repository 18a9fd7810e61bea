#include "http/predict/recipes.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/errors.h"
#include "http/predict/predict_answer.h"
#include "http/predict/predict_request.h"
#include "http/tensor_run.h"
#include "tensors/array_json.h"

namespace forebay::http::predict {

namespace {

constexpr std::int64_t kStrideMost = 1'000'000;
constexpr std::int64_t kItemsMost = 10'000;

Result<> check_fields(const JsonObject& object, const formats::ModelDescription& description) {
  const auto refuse = [&](std::string_view name, std::string_view declared) {
    return fail(Error(kFieldNotSupported, fmt::format("'{}' is for models whose sidecar declares a {}", name, declared))
                    .with_field(std::string(name)));
  };
  for (const std::string_view name : {"series", "stride"})
    if (object.find(name) && !description.series) return refuse(name, "series");
  for (const std::string_view name : {"top_k", "raw"})
    if (object.find(name) && !description.ranking) return refuse(name, "ranking");
  if (object.find("stride") && !object.find("series")) return fail(Error(kFieldMissing, "'stride' needs a 'series'").with_field("series"));
  return {};
}

Result<tensors::SeriesWindows> read_series(const JsonObject& object, const JsonValue& value, const formats::ModelDescription& description) {
  for (const char* other : {"input", "inputs"})
    if (object.find(other)) return fail(Error(kFieldConflict, fmt::format("both 'series' and '{}' are given", other)).with_field("series"));
  auto recipe = *description.series;
  TRY_ASSIGN(recipe.stride, object.integer_or("stride", recipe.stride, 1, kStrideMost));
  TRY_ASSIGN(const auto* spec, input_of(description, recipe.input));
  const formats::TensorSpec wanted{.name = "series", .shape = tensors::series_shape(recipe, spec->shape)};
  TRY_ASSIGN(const auto series, input_from_json(wanted, value));
  auto cut = tensors::cut_series(series, recipe, spec->shape, spec->dtype);
  if (!cut) return fail(std::move(cut).error().with_field("series"));
  return cut;
}

}  // namespace

Result<RecipeRequest> read_recipe_inputs(const JsonObject& object, const formats::ModelDescription& description) {
  TRY(check_fields(object, description));
  RecipeRequest request;
  if (const auto series = object.find("series")) {
    TRY_ASSIGN(auto cut, read_series(object, *series, description));
    request.inputs.push_back({description.series->input, std::move(cut.tensor)});
    request.starts = std::move(cut.starts);
    TRY(check_complete(description, request.inputs));
  } else {
    TRY_ASSIGN(request.inputs, read_inputs(object, description));
  }
  if (!description.ranking) return request;
  TRY_ASSIGN(const auto top_k, object.integer_or("top_k", description.ranking->top_k, 1, kItemsMost));
  request.top_k = static_cast<std::uint32_t>(top_k);
  TRY_ASSIGN(request.raw, object.boolean_or("raw", false));
  if (const auto* known = tensors::find_tensor(request.inputs, description.ranking->exclude)) request.known = *known;
  return request;
}

Result<> write_recipe_answer(JsonWriter& json, const RecipeRequest& request, const formats::ModelDescription& description,
                             const tensors::NamedTensors& outputs) {
  if (!request.starts.empty()) {
    json.key("windows").array();
    for (const std::int64_t start : request.starts)
      json.object().field("start", start).field("end", start + description.series->window).end();
    json.end();
  }
  const auto* scores = description.ranking ? tensors::find_tensor(outputs, description.ranking->output) : nullptr;
  if (scores == nullptr) return write_outputs(json, outputs);
  TRY_ASSIGN(const auto rankings, tensors::rank_items(*scores, request.top_k, request.known, description.labels));
  json.key("items").array();
  for (const auto& ranking : rankings) {
    json.array();
    for (const auto& item : ranking) {
      json.object().field("label", item.label.empty() ? std::to_string(item.index) : item.label).field("index", item.index);
      json.field("score", item.score).end();
    }
    json.end();
  }
  json.end();
  if (request.raw) return write_outputs(json, outputs);
  return {};
}

}  // namespace forebay::http::predict
