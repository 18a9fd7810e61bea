#include "scheduling/scheduling_options.h"

#include <fmt/format.h>

#include "scheduling/errors.h"
#include "scheduling/worker_router.h"

namespace forebay::scheduling {

namespace {
constexpr std::uint32_t kQueueRequestsMost = 1'000'000;
constexpr std::uint32_t kWorkersMost = 256;
constexpr std::uint32_t kSequencesMost = 256;  // libllama's
constexpr std::uint32_t kTokensMost = 1U << 20;
constexpr std::uint32_t kRowsMost = 65'536;
constexpr std::uint32_t kEventsMost = 1U << 20;
constexpr std::uint32_t kEntriesMost = 10'000'000;

struct Range {
  const char* name;
  double value;
  double least;
  double most;
};

Result<> check_ranges(std::initializer_list<Range> ranges) {
  for (const Range& range : ranges) {
    if (range.value >= range.least && range.value <= range.most) continue;
    return fail(
        Error(kSchedulingOptionInvalid, fmt::format("{} is {}; it must be from {} to {}", range.name, range.value, range.least, range.most))
            .with_field(range.name));
  }
  return {};
}
double count(std::chrono::milliseconds duration) { return static_cast<double>(duration.count()); }
constexpr double kDayMilliseconds = 86'400'000;
constexpr double kHourMilliseconds = 3'600'000;
constexpr std::uint32_t kLettersMost = 100'000;
}  // namespace

Result<> check(const AdmissionOptions& options) {
  TRY(check_ranges({{"queue_requests_max", static_cast<double>(options.queue_requests_max), 1, kQueueRequestsMost},
                    {"high_watermark", options.high_watermark, 0.01, 1},
                    {"low_watermark", options.low_watermark, 0, 1},
                    {"ageing_step", count(options.ageing_step), 1, kDayMilliseconds},
                    {"queue_wait_max", count(options.queue_wait_max), 1, kDayMilliseconds}}));
  if (options.low_watermark <= options.high_watermark) return {};
  return fail(Error(kSchedulingOptionInvalid, "low_watermark must not exceed high_watermark").with_field("low_watermark"));
}

Result<> check(const BreakerOptions& options) {
  return check_ranges({{"failure_share", options.failure_share, 0.01, 1},
                       {"requests_min", static_cast<double>(options.requests_min), 1, kQueueRequestsMost},
                       {"window", count(options.window), 10, kHourMilliseconds},
                       {"open_for", count(options.open_for), 1, kHourMilliseconds},
                       {"probes_max", static_cast<double>(options.probes_max), 1, 1'000}});
}

Result<> check(const RetryOptions& options) {
  return check_ranges({{"request_share", options.request_share, 0, 1},
                       {"per_second_min", options.per_second_min, 0, 1'000},
                       {"burst_max", options.burst_max, 0, kQueueRequestsMost},
                       {"attempts_max", static_cast<double>(options.attempts_max), 1, 100}});
}

Result<> check(const HealthOptions& options) {
  TRY(check_ranges({{"failures_in_a_row_max", static_cast<double>(options.failures_in_a_row_max), 1, 1'000},
                    {"restart_delay_min", count(options.restart_delay_min), 1, kHourMilliseconds},
                    {"restart_delay_max", count(options.restart_delay_max), 1, kHourMilliseconds},
                    {"probation_steps", static_cast<double>(options.probation_steps), 1, 1'000'000},
                    {"step_stalled_after", count(options.step_stalled_after), 1, kDayMilliseconds}}));
  if (options.restart_delay_min <= options.restart_delay_max) return {};
  return fail(Error(kSchedulingOptionInvalid, "restart_delay_min must not exceed restart_delay_max").with_field("restart_delay_min"));
}

Result<> check(const GenerationOptions& options) {
  TRY(check(options.admission));
  TRY(check(options.breaker));
  TRY(check(options.retry));
  TRY(check(options.health));
  if (!routing_strategy_named(options.strategy)) {
    return fail(Error(kSchedulingOptionInvalid, fmt::format("'{}' is no strategy; there are round_robin, least_loaded, memory_aware and "
                                                            "prefix_affinity",
                                                            options.strategy))
                    .with_field("strategy"));
  }
  if (options.workers > options.workers_max && options.workers_max > 0 && options.workers <= kWorkersMost) {
    return fail(Error(kSchedulingOptionInvalid, fmt::format("{} workers, and workers_max is {}", options.workers, options.workers_max))
                    .with_field("workers"));
  }
  if (options.cells != "auto" && options.cells != "unified" && options.cells != "separate") {
    return fail(Error(kSchedulingOptionInvalid, fmt::format("cells is \"{}\", and can be auto, unified or separate", options.cells))
                    .with_field("cells"));
  }
  if (options.step_tokens_max > 0 && options.step_tokens_max < options.sequences_max && options.sequences_max <= kSequencesMost) {
    return fail(Error(kSchedulingOptionInvalid, fmt::format("step_tokens_max is {}; a step needs a token for each of sequences_max, {}",
                                                            options.step_tokens_max, options.sequences_max))
                    .with_field("step_tokens_max"));
  }
  return check_ranges({{"workers", static_cast<double>(options.workers), 1, kWorkersMost},
                       {"workers_max", static_cast<double>(options.workers_max), 1, kWorkersMost},
                       {"drain_timeout", count(options.drain_timeout), 0, kDayMilliseconds},
                       {"dead_letters_max", static_cast<double>(options.dead_letters_max), 0, kLettersMost},
                       {"sequences_max", static_cast<double>(options.sequences_max), 1, kSequencesMost},
                       {"step_tokens_max", static_cast<double>(options.step_tokens_max), 1, kTokensMost},
                       {"prompt_chunk_tokens_min", static_cast<double>(options.prompt_chunk_tokens_min), 1, kTokensMost},
                       {"inter_token_max", count(options.inter_token_max), 0, kDayMilliseconds},
                       {"cache.idle_cells_max", static_cast<double>(options.cache.idle_cells_max), 0, kTokensMost},
                       {"channel_events_max", static_cast<double>(options.channel_events_max), 1, kEventsMost}});
}

Result<> check(const TensorOptions& options) {
  TRY(check(options.admission));
  TRY(check(options.breaker));
  return check_ranges({{"dead_letters_max", static_cast<double>(options.dead_letters_max), 0, kLettersMost},
                       {"workers", static_cast<double>(options.workers), 0, kWorkersMost},
                       {"batch_rows_max", static_cast<double>(options.batch_rows_max), 1, kRowsMost},
                       {"cache.entries_max", static_cast<double>(options.cache.entries_max), 1, kEntriesMost},
                       {"cache.ttl", count(options.cache.ttl), 0, kDayMilliseconds},
                       {"queue_delay_max", static_cast<double>(options.queue_delay_max.count()) / 1000, 0, 60'000},
                       {"helping_max", static_cast<double>(options.helping_max.count()), 0, 1'000'000},
                       {"run_time_max", count(options.run_time_max), 1, kDayMilliseconds},
                       {"run_bytes_max", static_cast<double>(options.run_bytes_max), 1 << 20, 1e15}});
}

Result<> check(const EmbeddingOptions& options) {
  TRY(check(options.admission));
  TRY(check(options.breaker));
  return check_ranges({{"dead_letters_max", static_cast<double>(options.dead_letters_max), 0, kLettersMost},
                       {"batch_tokens_max", static_cast<double>(options.batch_tokens_max), 1, kTokensMost},
                       {"batch_texts_max", static_cast<double>(options.batch_texts_max), 1, kSequencesMost},
                       {"request_texts_max", static_cast<double>(options.request_texts_max), 1, kTokensMost}});
}

}  // namespace forebay::scheduling
