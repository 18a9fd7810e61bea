#include "scheduling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace forebay::scheduling {

TokenLogprobs logprobs_of(std::span<const float> logits, Token chosen, std::uint32_t count, const text::Tokenizer& tokenizer) {
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  const double log_sum = largest + std::log(sum);
  const auto logprob_of = [&](Token token) {
    return TokenLogprob{token, tokenizer.piece(token, true), static_cast<float>(logits[static_cast<std::size_t>(token)] - log_sum)};
  };

  TokenLogprobs found{logprob_of(chosen), {}};
  if (count == 0) return found;
  std::vector<Token> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, order.size()));
  std::partial_sort(order.begin(), end, order.end(), [&](Token a, Token b) {
    const float left = logits[static_cast<std::size_t>(a)];
    const float right = logits[static_cast<std::size_t>(b)];
    return left != right ? left > right : a < b;
  });
  for (auto token = order.begin(); token != end; ++token) found.alternatives.push_back(logprob_of(*token));
  if (std::find(order.begin(), end, chosen) == end) found.alternatives.push_back(found.chosen);
  return found;
}

}  // namespace forebay::scheduling
