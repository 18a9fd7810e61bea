#include "scheduling/step_pace.h"

#include <algorithm>
#include <cmath>

namespace forebay::scheduling {

namespace {
constexpr double kNewest = 0.4;            // weight of the newest measurement of a decode
constexpr double kKept = 0.8;              // of what older measurements of prompts weigh, with every newer one
constexpr double kAimed = 0.85;            // share of the promised time to aim at: steps differ
constexpr std::size_t kTellingTokens = 8;  // with fewer prompt tokens the difference to a step without any is noise
constexpr double kTellingSpread = 64;      // of positions: less says nothing about the slope
constexpr std::size_t kChunkUnmeasured = 128;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double follow(double value, double newest) { return value == 0 ? newest : value + kNewest * (newest - value); }
}  // namespace

void StepPace::TokenCost::note(const PromptPart& prompts, double seconds) {
  const auto tokens = static_cast<double>(prompts.tokens);
  weight_ = kKept * weight_ + tokens;
  positions_ = kKept * positions_ + tokens * prompts.mean_position;
  positions_squared_ = kKept * positions_squared_ + tokens * prompts.mean_position * prompts.mean_position;
  costs_ = kKept * costs_ + seconds;
  products_ = kKept * products_ + seconds * prompts.mean_position;
  const double mean = positions_ / weight_;
  const double variance = positions_squared_ / weight_ - mean * mean;
  if (variance > kTellingSpread * kTellingSpread) slope_ = std::max(0.0, (products_ / weight_ - mean * costs_ / weight_) / variance);
}

// n tokens from p on take n * (cost at p + slope * n / 2).
double StepPace::TokenCost::tokens_within(double seconds, double position) const {
  const double cost = costs_ / weight_;
  const double at_position = std::max(cost / 16, cost + slope_ * (position - positions_ / weight_));
  if (slope_ * seconds < 1e-3 * at_position * at_position) return seconds / at_position;
  return (std::sqrt(at_position * at_position + 2 * slope_ * seconds) - at_position) / slope_;
}

void StepPace::note(std::size_t decodes, const PromptPart& prompts, Duration took) {
  if (prompts.tokens == 0) {
    if (decodes > 0) decode_seconds_ = follow(decode_seconds_, seconds(took));
    return;
  }
  last_tokens_ = prompts.tokens;
  if (prompts.tokens >= kTellingTokens) token_cost_.note(prompts, std::max(1e-9, seconds(took) - (decodes > 0 ? decode_seconds_ : 0.0)));
}

// At most twice as many as in the step before: what was measured with few tells little about many.
std::size_t StepPace::prompt_tokens(std::size_t decodes, std::size_t position) const {
  if (decodes == 0 || step_max_ == Duration::zero()) return SIZE_MAX;
  if (!token_cost_.is_known()) return in_tiles(std::max(chunk_min_, kChunkUnmeasured), decodes);
  const double left = std::max(0.0, kAimed * seconds(step_max_) - decode_seconds_);
  const double fit = token_cost_.tokens_within(left, static_cast<double>(position));
  const std::size_t most = std::max(2 * last_tokens_, kChunkUnmeasured);
  return in_tiles(std::max(chunk_min_, std::min(most, static_cast<std::size_t>(std::min(fit, 1e9)))), decodes);
}

std::size_t StepPace::in_tiles(std::size_t tokens, std::size_t decodes) const {
  if (tokens < kTileTokens) return tokens;
  const std::size_t rows = tokens / kTileTokens * kTileTokens;
  return together_ && rows > decodes ? rows - decodes : rows;
}

}  // namespace forebay::scheduling
