#include "scheduling/run_cost.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace forebay::scheduling {

namespace {
constexpr double kNewestWeight = 0.15;
constexpr double kOutlier = 4;  // a run that was interrupted says little about the next
constexpr double kNearlyBest = 1.05;
constexpr std::uint64_t kExploreEvery = 64;

double nanoseconds(Duration duration) { return std::chrono::duration<double, std::nano>(duration).count(); }
}  // namespace

void RunCost::note(std::size_t rows, Duration took) {
  if (rows == 0) return;
  const std::size_t place = std::min<std::size_t>(std::bit_width(rows) - 1, kClasses - 1);
  auto state = state_.lock();
  Known& known = state->classes[place];
  double newest = nanoseconds(took);
  if (known.runs > 2) newest = std::min(newest, known.nanoseconds * kOutlier);
  // The first run of a size is slower than the rest: the second replaces it.
  const double weight = known.runs < 2 ? 1 : kNewestWeight;
  known.rows += (static_cast<double>(rows) - known.rows) * weight;
  known.nanoseconds += (newest - known.nanoseconds) * weight;
  if (known.runs < UINT32_MAX) ++known.runs;
}

std::optional<double> RunCost::State::of(double rows) const {
  const Known* below = nullptr;
  for (const Known& known : classes) {
    if (known.runs == 0) continue;
    if (known.rows >= rows) {
      if (below == nullptr) return known.nanoseconds;
      const double share = (rows - below->rows) / (known.rows - below->rows);
      return below->nanoseconds + share * (known.nanoseconds - below->nanoseconds);
    }
    below = &known;
  }
  if (below == nullptr) return std::nullopt;
  return below->nanoseconds * rows / below->rows;
}

// The smallest size whose rate is nearly the best one known. Sizes beyond the largest known one may be better still.
std::size_t RunCost::State::best_rows(std::size_t rows_max) const {
  double best = 0;
  const Known* largest = nullptr;
  for (const Known& known : classes) {
    if (known.runs == 0) continue;
    best = largest == nullptr ? known.nanoseconds / known.rows : std::min(best, known.nanoseconds / known.rows);
    largest = &known;
  }
  if (largest == nullptr) return rows_max;
  for (const Known& known : classes) {
    if (known.runs == 0 || known.nanoseconds / known.rows > best * kNearlyBest) continue;
    return &known == largest ? rows_max : static_cast<std::size_t>(std::lround(known.rows));
  }
  return rows_max;
}

std::optional<Duration> RunCost::of(std::size_t rows) const {
  const auto cost = state_.read([rows](const State& state) { return state.of(static_cast<double>(rows)); });
  if (!cost) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::nano>(*cost));
}

std::size_t RunCost::rows_within(Duration longest, std::size_t rows_max) const {
  return state_.read([&](const State& state) -> std::size_t {
    const double limit = nanoseconds(longest);
    const auto fits = [&](std::size_t rows) {
      const auto cost = state.of(static_cast<double>(rows));
      return cost && *cost <= limit;
    };
    if (!fits(1)) return 0;
    std::size_t least = 1;
    std::size_t most = rows_max;
    while (least < most) {
      const std::size_t middle = least + (most - least + 1) / 2;
      if (fits(middle))
        least = middle;
      else
        most = middle - 1;
    }
    return least;
  });
}

std::size_t RunCost::batch_rows(std::size_t waiting, std::size_t idle_workers, std::size_t rows_max) {
  const std::size_t all = std::clamp<std::size_t>(waiting, 1, rows_max);
  auto state = state_.lock();
  const auto whole = state->of(static_cast<double>(all));
  if (!whole || ++state->decisions % kExploreEvery == 0 || *whole <= nanoseconds(kHandOver)) return all;
  const std::size_t share = (waiting + idle_workers) / (idle_workers + 1);
  return std::clamp<std::size_t>(std::min(share, state->best_rows(rows_max)), 1, all);
}

}  // namespace forebay::scheduling
