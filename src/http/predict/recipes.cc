#include "http/predict/recipes.h"

#include <fmt/format.h>

#include "http/errors.h"
#include "http/predict/predict_answer.h"
#include "http/predict/predict_request.h"
#include "http/tensor_run.h"
#include "inference/declared_steps.h"
#include "inference/tensor_inputs.h"

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

Result<inference::SeriesInput> read_series(const JsonObject& object, const JsonValue& value, const formats::ModelDescription& description) {
  for (const char* other : {"input", "inputs"})
    if (object.find(other)) return fail(Error(kFieldConflict, fmt::format("both 'series' and '{}' are given", other)).with_field("series"));
  TRY_ASSIGN(const auto stride, object.integer_or("stride", description.series->stride, 1, kStrideMost));
  TRY_ASSIGN(const auto spec, inference::series_spec(description));
  TRY_ASSIGN(const auto series, input_from_json(spec, value));
  auto cut = inference::series_input(description, series, stride);
  if (!cut) return fail(std::move(cut).error().with_field("series"));
  return cut;
}

}  // namespace

Result<RecipeRequest> read_recipe_inputs(const JsonObject& object, const formats::ModelDescription& description) {
  TRY(check_fields(object, description));
  RecipeRequest request;
  if (const auto series = object.find("series")) {
    TRY_ASSIGN(auto cut, read_series(object, *series, description));
    request.inputs.push_back(std::move(cut.input));
    request.starts = std::move(cut.starts);
    TRY(inference::check_complete(description, request.inputs));
  } else {
    TRY_ASSIGN(request.inputs, read_inputs(object, description));
  }
  if (!description.ranking) return request;
  TRY_ASSIGN(const auto top_k, object.integer_or("top_k", description.ranking->top_k, 1, kItemsMost));
  request.top_k = static_cast<std::uint32_t>(top_k);
  TRY_ASSIGN(request.raw, object.boolean_or("raw", false));
  request.known = inference::known_items(description, request.inputs);
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
  const auto* scores = inference::item_scores(description, outputs);
  if (scores == nullptr) return write_outputs(json, outputs);
  TRY_ASSIGN(const auto rankings, inference::ranked_items(description, *scores, request.known, request.top_k));
  json.key("items").array();
  for (const auto& ranking : rankings) {
    json.array();
    for (const auto& item : ranking) {
      json.object().field("label", inference::label_of(item)).field("index", item.index);
      json.field("score", item.score).end();
    }
    json.end();
  }
  json.end();
  if (request.raw) return write_outputs(json, outputs);
  return {};
}

}  // namespace forebay::http::predict
