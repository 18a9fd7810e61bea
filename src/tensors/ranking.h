// The best items for each row of a recommender's scores.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensors/postprocess.h"
#include "tensors/tensor.h"

namespace forebay::tensors {

// Which output has a score for each item. Plain data, made by formats from a sidecar.
struct RankingRecipe {
  std::string output;        // [batch, items]
  std::uint32_t top_k = 10;  // a request may say another number
  std::string exclude;       // the input with the ids that a row knows already, [batch, ids]; empty: none is left out
};

// The k best of each row of `scores` that are not among that row's ids of `known` (integers; ids that no item has are nothing), the best
// first. kTensorShapeMismatch (other rows, other labels than items), kTensorTypeMismatch.
Result<std::vector<Ranking>> rank_items(const Tensor& scores, std::size_t k, const std::optional<Tensor>& known,
                                        std::span<const std::string> labels);

}  // namespace forebay::tensors
