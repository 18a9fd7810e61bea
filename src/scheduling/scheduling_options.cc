#include "scheduling/scheduling_options.h"

#include <fmt/format.h>

#include "scheduling/errors.h"

namespace forebay::scheduling {

namespace {
constexpr std::uint32_t kQueueRequestsMost = 1'000'000;
constexpr std::uint32_t kWorkersMost = 256;
constexpr std::uint32_t kSequencesMost = 256;  // libllama's
constexpr std::uint32_t kTokensMost = 1U << 20;
constexpr std::uint32_t kRowsMost = 65'536;
constexpr std::uint32_t kEventsMost = 1U << 20;

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

Result<> check(const GenerationOptions& options) {
  TRY(check(options.admission));
  return check_ranges({{"workers", static_cast<double>(options.workers), 1, kWorkersMost},
                       {"sequences_max", static_cast<double>(options.sequences_max), 1, kSequencesMost},
                       {"step_tokens_max", static_cast<double>(options.step_tokens_max), 1, kTokensMost},
                       {"prompt_chunk_tokens", static_cast<double>(options.prompt_chunk_tokens), 1, kTokensMost},
                       {"idle_cells_max", static_cast<double>(options.idle_cells_max), 0, kTokensMost},
                       {"channel_events_max", static_cast<double>(options.channel_events_max), 1, kEventsMost}});
}

Result<> check(const TensorOptions& options) {
  TRY(check(options.admission));
  return check_ranges({{"workers", static_cast<double>(options.workers), 0, kWorkersMost},
                       {"batch_rows_max", static_cast<double>(options.batch_rows_max), 1, kRowsMost},
                       {"queue_delay_max", static_cast<double>(options.queue_delay_max.count()) / 1000, 0, 60'000}});
}

Result<> check(const EmbeddingOptions& options) {
  TRY(check(options.admission));
  return check_ranges({{"batch_tokens_max", static_cast<double>(options.batch_tokens_max), 1, kTokensMost},
                       {"batch_texts_max", static_cast<double>(options.batch_texts_max), 1, kSequencesMost},
                       {"request_texts_max", static_cast<double>(options.request_texts_max), 1, kTokensMost}});
}

}  // namespace forebay::scheduling
