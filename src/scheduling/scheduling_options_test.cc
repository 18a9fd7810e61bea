#include "scheduling/scheduling_options.h"

#include <gtest/gtest.h>

#include "scheduling/errors.h"
#include "scheduling/request.h"

namespace forebay::scheduling {
namespace {

// The setting that is refused; "" when all are taken.
template <class Options>
std::string refused(const Options& options) {
  const auto checked = check(options);
  if (checked) return "";
  EXPECT_EQ(checked.error().code(), kSchedulingOptionInvalid);
  return checked.error().field();
}

TEST(SchedulingOptions, AreValidAsTheyCome) {
  EXPECT_EQ(refused(AdmissionOptions{}), "");
  EXPECT_EQ(refused(GenerationOptions{}), "");
  EXPECT_EQ(refused(TensorOptions{}), "");
  EXPECT_EQ(refused(EmbeddingOptions{}), "");
}

TEST(SchedulingOptions, AreRefusedByNameJustOutsideTheirRange) {
  EXPECT_EQ(refused(AdmissionOptions{.queue_requests_max = 0}), "queue_requests_max");
  EXPECT_EQ(refused(AdmissionOptions{.queue_requests_max = 1}), "");
  EXPECT_EQ(refused(AdmissionOptions{.high_watermark = 1.01}), "high_watermark");
  EXPECT_EQ(refused(AdmissionOptions{.high_watermark = 0.5, .low_watermark = 0.51}), "low_watermark");
  EXPECT_EQ(refused(AdmissionOptions{.high_watermark = 0.5, .low_watermark = 0.5}), "");
  EXPECT_EQ(refused(AdmissionOptions{.ageing_step = std::chrono::milliseconds(0)}), "ageing_step");
  EXPECT_EQ(refused(AdmissionOptions{.queue_wait_max = std::chrono::milliseconds(-1)}), "queue_wait_max");
  EXPECT_EQ(refused(GenerationOptions{.sequences_max = 256}), "");
  EXPECT_EQ(refused(GenerationOptions{.sequences_max = 257}), "sequences_max");
  EXPECT_EQ(refused(GenerationOptions{.sequences_max = 8, .step_tokens_max = 8}), "");
  EXPECT_EQ(refused(GenerationOptions{.sequences_max = 8, .step_tokens_max = 7}), "step_tokens_max") << "one text would wait each step";
  EXPECT_EQ(refused(GenerationOptions{.sequences_max = 1, .step_tokens_max = 0}), "step_tokens_max");
  EXPECT_EQ(refused(GenerationOptions{.workers = 257}), "workers");
  EXPECT_EQ(refused(GenerationOptions{.workers = 9}), "workers") << "above workers_max";
  EXPECT_EQ(refused(GenerationOptions{.workers = 8}), "");
  EXPECT_EQ(refused(GenerationOptions{.workers_max = 0}), "workers_max");
  EXPECT_EQ(refused(GenerationOptions{.strategy = "random"}), "strategy");
  EXPECT_EQ(refused(GenerationOptions{.dead_letters_max = 100'001}), "dead_letters_max");
  EXPECT_EQ(refused(GenerationOptions{.breaker = {.failure_share = 0}}), "failure_share");
  EXPECT_EQ(refused(BreakerOptions{.failure_share = 1}), "");
  EXPECT_EQ(refused(BreakerOptions{.requests_min = 0}), "requests_min");
  EXPECT_EQ(refused(BreakerOptions{.window = std::chrono::milliseconds(9)}), "window");
  EXPECT_EQ(refused(BreakerOptions{.probes_max = 0}), "probes_max");
  EXPECT_EQ(refused(RetryOptions{.request_share = 1.1}), "request_share");
  EXPECT_EQ(refused(RetryOptions{.attempts_max = 0}), "attempts_max");
  EXPECT_EQ(refused(HealthOptions{.failures_in_a_row_max = 0}), "failures_in_a_row_max");
  EXPECT_EQ(refused(HealthOptions{.restart_delay_min = std::chrono::milliseconds(30'001)}), "restart_delay_min");
  EXPECT_EQ(refused(HealthOptions{.restart_delay_min = std::chrono::milliseconds(30'000)}), "");
  EXPECT_EQ(refused(TensorOptions{.batch_rows_max = 0}), "batch_rows_max");
  EXPECT_EQ(refused(EmbeddingOptions{.batch_texts_max = 257}), "batch_texts_max");
}

TEST(Request, NamesOfPrioritiesGoBothWays) {
  for (Priority priority : {Priority::kHigh, Priority::kNormal, Priority::kLow}) EXPECT_EQ(priority_named(name_of(priority)), priority);
  EXPECT_FALSE(priority_named("urgent").has_value());
  EXPECT_EQ(name_of(FinishReason::kLength), "length");
}

}  // namespace
}  // namespace forebay::scheduling
