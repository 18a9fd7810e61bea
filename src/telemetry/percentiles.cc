#include "telemetry/percentiles.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "base/synchronized.h"

namespace forebay::telemetry {

namespace {

constexpr std::uint64_t kSteps = 32;  // in each power of two
constexpr std::uint64_t kLongest = (std::uint64_t{1} << 42) - 1;
constexpr std::size_t kBuckets = 38 * kSteps;

// Values below 32 have a bucket each; above, the five bits after the leading one choose.
constexpr std::size_t bucket_of(std::uint64_t value) {
  if (value < kSteps) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 6;
  return kSteps * shift + (value >> shift);
}

// The largest value of the bucket.
std::uint64_t upper_end(std::size_t bucket) {
  if (bucket < kSteps) return bucket;
  const std::size_t shift = bucket / kSteps - 1;
  return ((bucket - kSteps * shift + 1) << shift) - 1;
}
static_assert(bucket_of(kLongest) == kBuckets - 1);

struct Slice {
  std::int64_t number = -1;  // which stretch of time it holds
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t max = 0;
  std::array<std::uint32_t, kBuckets> buckets{};

  void add(std::uint64_t value) {
    ++count;
    sum += value;
    max = std::max(max, value);
    ++buckets[bucket_of(value)];
  }
  void merge(const Slice& other) {
    count += other.count;
    sum += other.sum;
    max = std::max(max, other.max);
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  }
  // The smallest value that at least this share of the others does not exceed.
  std::chrono::nanoseconds percentile(double share) const {
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      seen += buckets[i];
      if (seen >= std::max<std::uint64_t>(rank, 1)) return std::chrono::nanoseconds(std::min(upper_end(i), max));
    }
    return std::chrono::nanoseconds(max);
  }
};

}  // namespace

struct Percentiles::State {
  State(const Clock& now, PercentilesOptions given) : clock(now), options(given), started(now.now()) {
    options.slices = std::max<std::size_t>(options.slices, 1);
    slice_length = std::max<Duration>(Duration(options.window) / options.slices, Duration(1));
    auto locked = slices.lock();
    locked->resize(options.slices);
  }
  std::int64_t slice_now() const { return (clock.now() - started) / slice_length; }

  const Clock& clock;
  PercentilesOptions options;
  const Instant started;
  Duration slice_length{};
  Synchronized<std::vector<Slice>> slices;
};

Percentiles::Percentiles(const Clock& clock, PercentilesOptions options) : state_(std::make_unique<State>(clock, options)) {}
Percentiles::~Percentiles() = default;

void Percentiles::record(std::chrono::nanoseconds duration) {
  const auto value = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)), kLongest);
  const std::int64_t number = state_->slice_now();
  auto slices = state_->slices.lock();
  Slice& slice = (*slices)[static_cast<std::size_t>(number) % slices->size()];
  if (slice.number > number) return;  // Another thread is already in the next round.
  if (slice.number != number) {
    slice = Slice{};
    slice.number = number;
  }
  slice.add(value);
}

LatencySummary Percentiles::summary() const {
  const std::int64_t number = state_->slice_now();
  const auto oldest = number - static_cast<std::int64_t>(state_->options.slices);
  auto all = std::make_unique<Slice>();
  state_->slices.read([&](const std::vector<Slice>& slices) {
    for (const Slice& slice : slices) {
      if (slice.number > oldest) all->merge(slice);
    }
    return 0;
  });
  LatencySummary summary;
  if (all->count == 0) return summary;
  const Duration covered = std::min<Duration>(state_->clock.now() - state_->started, Duration(state_->options.window));
  const double seconds = std::max(1.0, std::chrono::duration<double>(covered).count());
  summary.count = all->count;
  summary.per_second = static_cast<double>(all->count) / seconds;
  summary.mean = std::chrono::nanoseconds(all->sum / all->count);
  summary.p50 = all->percentile(0.50);
  summary.p90 = all->percentile(0.90);
  summary.p99 = all->percentile(0.99);
  summary.max = std::chrono::nanoseconds(all->max);
  return summary;
}

}  // namespace forebay::telemetry
