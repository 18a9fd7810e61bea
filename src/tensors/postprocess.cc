#include "tensors/postprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

void softmax_row(std::span<const float> scores, std::span<float> out) {
  const float largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    out[i] = std::exp(scores[i] - largest);
    sum += out[i];
  }
  for (float& value : out) value = static_cast<float>(value / sum);
}

Ranking rank_row(std::span<const float> scores, std::size_t k, std::span<const std::string> labels) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto better = [&](std::size_t a, std::size_t b) {
    if (std::isnan(scores[a]) || std::isnan(scores[b])) return !std::isnan(scores[a]) || (std::isnan(scores[b]) && a < b);
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
  };
  const std::size_t count = std::min(k, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count), better);
  Ranking ranking;
  for (std::size_t i = 0; i < count; ++i) {
    ranking.push_back({.index = order[i], .label = labels.empty() ? std::string() : labels[order[i]], .score = scores[order[i]]});
  }
  return ranking;
}

}  // namespace

Result<Tensor> softmax(const Tensor& scores) {
  if (scores.shape().empty()) return fail(kTensorShapeMismatch, "a single score has no others to compare with");
  TRY_ASSIGN(const Tensor floats, scores.converted_to(DType::kFloat32));
  Tensor probabilities = Tensor::zeros(DType::kFloat32, scores.shape());
  const auto bytes = probabilities.mutable_bytes();
  const std::span<float> out(reinterpret_cast<float*>(bytes.data()), probabilities.size());
  const auto row = static_cast<std::size_t>(scores.shape().back());
  for (std::size_t at = 0; at < out.size(); at += row) softmax_row(floats.values<float>().subspan(at, row), out.subspan(at, row));
  return probabilities;
}

Result<std::vector<Ranking>> top_k(const Tensor& scores, std::size_t k, std::span<const std::string> labels) {
  if (scores.shape().empty()) return fail(kTensorShapeMismatch, "a single score has no others to compare with");
  TRY_ASSIGN(const Tensor floats, scores.converted_to(DType::kFloat32));
  const std::size_t rows = scores.shape().size() == 1 ? 1 : static_cast<std::size_t>(scores.shape()[0]);
  const std::size_t classes = scores.size() == 0 ? 0 : scores.size() / rows;
  if (!labels.empty() && scores.size() > 0 && labels.size() != classes) {
    return fail(kTensorShapeMismatch, fmt::format("{} labels for {} classes", labels.size(), classes));
  }
  std::vector<Ranking> rankings;
  for (std::size_t at = 0; at < scores.size(); at += classes) {
    rankings.push_back(rank_row(floats.values<float>().subspan(at, classes), k, labels));
  }
  return rankings;
}

}  // namespace forebay::tensors
