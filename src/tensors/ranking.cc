#include "tensors/ranking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {
Result<> check_scores(const Tensor& scores) {
  TRY_ASSIGN(const Tensor floats, scores.converted_to(DType::kFloat32));
  const auto is_none = [](float score) { return std::isnan(score) || score == std::numeric_limits<float>::infinity(); };
  if (std::ranges::any_of(floats.values<float>(), is_none)) return fail(kScoreNotFinite, "the model gave NaN or an infinity as a score");
  return {};
}

// Models rule items out with a score of minus infinity.
Result<std::vector<Ranking>> without_ruled_out(Result<std::vector<Ranking>> rankings) {
  if (!rankings) return rankings;
  for (Ranking& ranking : *rankings) std::erase_if(ranking, [](const RankedLabel& item) { return std::isinf(item.score); });
  return rankings;
}
}  // namespace

Result<std::vector<Ranking>> rank_items(const Tensor& scores, std::size_t k, const std::optional<Tensor>& known,
                                        std::span<const std::string> labels) {
  TRY(check_scores(scores));
  if (!known) return without_ruled_out(top_k(scores, k, labels));
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
  return without_ruled_out(std::move(rankings));
}

}  // namespace forebay::tensors
