#include "tensors/ranking.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensors/errors.h"

namespace forebay::tensors {

Result<std::vector<Ranking>> rank_items(const Tensor& scores, std::size_t k, const std::optional<Tensor>& known,
                                        std::span<const std::string> labels) {
  if (!known) return top_k(scores, k, labels);
  if (known->shape().size() != 2 || scores.shape().size() != 2 || known->shape()[0] != scores.shape()[0]) {
    return fail(kTensorShapeMismatch,
                fmt::format("ids of {} do not belong to scores of {}", to_string(known->shape()), to_string(scores.shape())));
  }
  TRY_ASSIGN(const Tensor ids, known->converted_to(DType::kInt64));
  const auto width = static_cast<std::size_t>(known->shape()[1]);
  TRY_ASSIGN(auto rankings, top_k(scores, k + width, labels));
  for (std::size_t row = 0; row < rankings.size(); ++row) {
    const auto own = ids.values<std::int64_t>().subspan(row * width, width);
    std::erase_if(rankings[row],
                  [&](const RankedLabel& item) { return std::ranges::contains(own, static_cast<std::int64_t>(item.index)); });
    if (rankings[row].size() > k) rankings[row].resize(k);
  }
  return rankings;
}

}  // namespace forebay::tensors
