#include "tensors/combine.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensors/errors.h"

namespace forebay::tensors {

namespace {

Result<> check_alike(std::span<const Tensor> parts) {
  if (parts.empty()) return fail(kTensorShapeMismatch, "there is nothing to combine");
  for (const Tensor& part : parts) {
    if (part.shape() != parts.front().shape())
      return fail(kTensorShapeMismatch,
                  fmt::format("{} and {} cannot be combined", to_string(parts.front().shape()), to_string(part.shape())));
    if (part.dtype() != parts.front().dtype())
      return fail(kTensorTypeMismatch, fmt::format("{} and {} cannot be combined", name_of(parts.front().dtype()), name_of(part.dtype())));
  }
  return {};
}

// The part whose value at this place has the most votes.
template <class Same>
std::size_t winner(std::size_t parts, Same same) {
  std::size_t best = 0;
  std::size_t most = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    std::size_t votes = 0;
    for (std::size_t j = 0; j < parts; ++j) votes += same(i, j) ? 1 : 0;
    if (votes <= most) continue;
    most = votes;
    best = i;
  }
  return best;
}

}  // namespace

Result<Tensor> average(std::span<const Tensor> parts, std::span<const float> weights) {
  TRY(check_alike(parts));
  if (!weights.empty() && (weights.size() != parts.size() || std::ranges::any_of(weights, [](float weight) { return !(weight > 0); })))
    return fail(kTensorShapeMismatch, fmt::format("{} weights for {} parts; each is positive", weights.size(), parts.size()));
  std::vector<double> sum(parts.front().size(), 0.0);
  double all = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double weight = weights.empty() ? 1 : double{weights[i]};
    all += weight;
    TRY_ASSIGN(const Tensor floats, parts[i].converted_to(DType::kFloat32));
    const auto values = floats.values<float>();
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += weight * double{values[k]};
  }
  Tensor mean = Tensor::zeros(DType::kFloat32, parts.front().shape());
  auto* out = reinterpret_cast<float*>(mean.mutable_bytes().data());
  for (std::size_t k = 0; k < sum.size(); ++k) out[k] = static_cast<float>(sum[k] / all);
  return mean;
}

Result<Tensor> majority(std::span<const Tensor> parts) {
  TRY(check_alike(parts));
  const Tensor& first = parts.front();
  if (first.dtype() == DType::kString) {
    std::vector<std::string> chosen;
    for (std::size_t k = 0; k < first.size(); ++k) {
      const auto same = [&](std::size_t i, std::size_t j) { return parts[i].strings()[k] == parts[j].strings()[k]; };
      chosen.push_back(parts[winner(parts.size(), same)].strings()[k]);
    }
    return Tensor::from_strings(first.shape(), std::move(chosen));
  }
  const std::size_t width = element_bytes(first.dtype());
  Tensor chosen = Tensor::zeros(first.dtype(), first.shape());
  const auto out = chosen.mutable_bytes();
  for (std::size_t k = 0; k < first.size(); ++k) {
    const auto at = [&](std::size_t i) { return parts[i].bytes().subspan(k * width, width); };
    const auto from = at(winner(parts.size(), [&](std::size_t i, std::size_t j) { return std::ranges::equal(at(i), at(j)); }));
    std::ranges::copy(from, out.begin() + static_cast<std::ptrdiff_t>(k * width));
  }
  return chosen;
}

Result<Tensor> argmax(const Tensor& scores) {
  if (scores.shape().empty() || scores.shape().back() == 0) return fail(kTensorShapeMismatch, "there are no scores to choose from");
  TRY_ASSIGN(const Tensor floats, scores.converted_to(DType::kFloat32));
  const auto classes = static_cast<std::size_t>(scores.shape().back());
  std::vector<std::int64_t> best;
  for (std::size_t at = 0; at < floats.size(); at += classes) {
    const auto row = floats.values<float>().subspan(at, classes);
    best.push_back(std::ranges::max_element(row) - row.begin());
  }
  return Tensor::of<std::int64_t>(Shape(scores.shape().begin(), scores.shape().end() - 1), best);
}

}  // namespace forebay::tensors
