#include "engines/sampling.h"

#include <fmt/format.h>

#include <cmath>

#include "engines/errors.h"

namespace forebay::engines {

namespace {
constexpr std::int32_t kPenaltyTokensMax = 1 << 20;

std::unexpected<Error> out_of_range(std::string field, std::string_view range, double value) {
  return fail(Error(kBadSampling, fmt::format("{} must be {}, not {}", field, range, value)).with_field(std::move(field)));
}
}  // namespace

Result<> check_sampling(const SamplingOptions& options, std::int32_t vocabulary_size) {
  // Written so that NaN fails every test.
  const auto within = [](float value, float low, float high) { return value >= low && value <= high; };
  if (!within(options.temperature, 0, 100)) return out_of_range("temperature", "within [0, 100]", options.temperature);
  if (options.top_k < 0) return out_of_range("top_k", "0 or more", options.top_k);
  if (!(options.top_p > 0 && options.top_p <= 1)) return out_of_range("top_p", "within (0, 1]", options.top_p);
  if (!(options.min_p >= 0 && options.min_p < 1)) return out_of_range("min_p", "within [0, 1)", options.min_p);
  if (!(options.typical_p > 0 && options.typical_p <= 1)) return out_of_range("typical_p", "within (0, 1]", options.typical_p);
  if (!(options.repeat_penalty > 0 && options.repeat_penalty <= 10))
    return out_of_range("repeat_penalty", "within (0, 10]", options.repeat_penalty);
  if (!within(options.frequency_penalty, -2, 2)) return out_of_range("frequency_penalty", "within [-2, 2]", options.frequency_penalty);
  if (!within(options.presence_penalty, -2, 2)) return out_of_range("presence_penalty", "within [-2, 2]", options.presence_penalty);
  if (options.penalty_last_tokens < 0 || options.penalty_last_tokens > kPenaltyTokensMax) {
    return out_of_range("penalty_last_tokens", "within [0, 1048576]", options.penalty_last_tokens);
  }
  for (const auto& [token, bias] : options.logit_bias) {
    if (token < 0 || token >= vocabulary_size) return out_of_range("logit_bias", "for tokens of the vocabulary", token);
    if (!within(bias, -100, 100)) return out_of_range("logit_bias", "within [-100, 100]", bias);
  }
  return {};
}

}  // namespace forebay::engines
