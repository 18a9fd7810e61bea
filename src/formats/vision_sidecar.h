// NAME.forebay.json beside NAME.onnx: what the model file does not say about pictures, series, rankings, and batches.
// Threads: shared (no state). Owner: read_model; nobody above includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensors/ranking.h"
#include "tensors/series.h"
#include "tensors/vision_recipe.h"

namespace forebay::formats {

inline constexpr std::size_t kSidecarBytesMax = std::size_t{4} << 20;

// Every member may be missing. docs/guides/serve_a_vision_model.md has the schema.
struct VisionSidecar {
  std::optional<tensors::VisionTask> task;
  std::optional<std::string> input;
  std::optional<std::string> output;
  std::optional<std::string> second_output;  // "masks" or "score"
  std::optional<std::vector<std::string>> labels;

  std::optional<std::int64_t> width;
  std::optional<std::int64_t> height;
  std::optional<tensors::ImageResize> resize;
  std::optional<tensors::ImageFilter> filter;
  std::optional<tensors::ImageChannels> channels;
  std::optional<float> crop_share;
  std::optional<float> scale;
  std::optional<std::vector<float>> mean;
  std::optional<std::vector<float>> deviation;  // "std"
  std::optional<float> padding;

  std::optional<tensors::BoxHead> head;
  std::optional<tensors::ScoreKind> scores;
  std::optional<float> score_min;
  std::optional<float> overlap_max;
  std::optional<std::uint32_t> detections_max;
  std::optional<std::uint32_t> classes_max;  // "top_k"

  // Of any model.
  std::optional<bool> rows_independent;  // "batching": {"rows": "independent" | "dependent"}

  // Instead of everything about pictures. What the file does not say is 0 or empty.
  std::optional<tensors::SeriesRecipe> series;
  std::optional<tensors::RankingRecipe> ranking;

  tensors::RecipeSource source = tensors::RecipeSource::kSidecar;  // or an image processor's file, which must not keep a model from loading
  std::vector<std::string> assumed;                                // what such a file wants and Forebay does otherwise

  bool only_batching = false;  // the file says nothing about pictures
};

// kSidecarInvalid with the field: no JSON, an unknown member, a wrong type, a value out of its range, more than kSidecarBytesMax.
Result<VisionSidecar> read_vision_sidecar(std::string_view json);

}  // namespace forebay::formats
