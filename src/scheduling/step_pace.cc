#include "scheduling/step_pace.h"

#include <algorithm>

namespace forebay::scheduling {

namespace {
constexpr double kNewest = 0.4;            // weight of the newest measurement
constexpr double kAimed = 0.85;            // share of the promised time to aim at: steps differ
constexpr std::size_t kTellingTokens = 8;  // with fewer prompt tokens the difference to a step without any is noise

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double follow(double value, double newest) { return value == 0 ? newest : value + kNewest * (newest - value); }
}  // namespace

void StepPace::note(std::size_t decodes, std::size_t prompt_tokens, Duration took) {
  if (prompt_tokens == 0) {
    if (decodes > 0) decode_seconds_ = follow(decode_seconds_, seconds(took));
  } else if (prompt_tokens >= kTellingTokens) {
    const double added = std::max(0.0, seconds(took) - (decodes > 0 ? decode_seconds_ : 0.0));
    prompt_token_seconds_ = follow(prompt_token_seconds_, added / static_cast<double>(prompt_tokens));
  }
}

std::size_t StepPace::prompt_tokens(std::size_t decodes) const {
  if (decodes == 0 || step_max_ == Duration::zero()) return SIZE_MAX;
  if (prompt_token_seconds_ == 0) return in_tiles(std::max(chunk_min_, kChunkUnmeasured), decodes);
  const double left = std::max(0.0, kAimed * seconds(step_max_) - decode_seconds_);
  return in_tiles(std::max(chunk_min_, static_cast<std::size_t>(std::min(left / prompt_token_seconds_, 1e9))), decodes);
}

// With parts of their own, the first token of a chunk is computed together with the decoded ones, and the rest fills the tiles.
std::size_t StepPace::in_tiles(std::size_t tokens, std::size_t decodes) const {
  if (tokens < kTileTokens) return tokens;
  const std::size_t rows = tokens / kTileTokens * kTileTokens;
  if (!together_) return rows + 1;
  return rows > decodes ? rows - decodes : rows;
}

}  // namespace forebay::scheduling
