// Steps around a run that a model's sidecar declares: an image or a series becomes an input, scores become ranked items.
// Thread safety: no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/model_description.h"
#include "tensors/image.h"
#include "tensors/ranking.h"
#include "tensors/tensor.h"
#include "tensors/vision.h"

namespace forebay::inference {

struct ImageInput {
  tensors::NamedTensor input;
  tensors::Tensor image;  // decoded: uint8 [height, width, channels]
  tensors::Seen seen;
};
// Decodes an image and makes it the input that takes images. Errors: kImageNotWanted if the model has none; the codes of
// tensors::decode_image and tensors::vision_input.
Result<ImageInput> image_input(std::span<const std::byte> file, const formats::ModelDescription& description,
                               const tensors::ImageLimits& limits = {});

// Returns name and shape of the whole series, as an input to be read. Requires: description.series. Errors: kInputUnknown.
Result<formats::TensorSpec> series_spec(const formats::ModelDescription& description);
struct SeriesInput {
  tensors::NamedTensor input;
  std::vector<std::int64_t> starts;  // the first step of each window
};
// Cuts a series into windows, `stride` steps apart; absent: as the sidecar says. Requires: description.series.
// Errors: kInputUnknown; the codes of tensors::cut_series.
Result<SeriesInput> series_input(const formats::ModelDescription& description, const tensors::Tensor& series,
                                 std::optional<std::int64_t> stride);

// Returns the output with a score for each item; null if the model ranks nothing or the output was not computed.
const tensors::Tensor* item_scores(const formats::ModelDescription& description, const tensors::NamedTensors& outputs);
// Returns the ids that are left out of a ranking, from the inputs.
std::optional<tensors::Tensor> known_items(const formats::ModelDescription& description, const tensors::NamedTensors& inputs);
// Returns the best items of each row. `top_k`: absent: as many as the sidecar says. Requires: description.ranking.
// Errors: the codes of tensors::rank_items.
Result<std::vector<tensors::Ranking>> ranked_items(const formats::ModelDescription& description, const tensors::Tensor& scores,
                                                   const std::optional<tensors::Tensor>& known, std::optional<std::uint32_t> top_k);
// Returns the item's label, or its index if the model names no items.
std::string label_of(const tensors::RankedLabel& item);

}  // namespace forebay::inference
