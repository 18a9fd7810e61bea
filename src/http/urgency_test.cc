#include "http/urgency.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http {
namespace {

Result<Urgency> urgency_in(std::string_view json) { return read_urgency(JsonObject::parse(json, {}).value()); }

TEST(UrgencyOfARequest, IsNormalAndWithoutATimeoutWhenNotGiven) {
  const auto urgency = urgency_in("{}").value();
  EXPECT_EQ(urgency.priority, scheduling::Priority::kNormal);
  EXPECT_FALSE(urgency.timeout);
  EXPECT_EQ(read_urgency("", "")->priority, scheduling::Priority::kNormal);
}

TEST(UrgencyOfARequest, ReadsPriorityAndTimeout) {
  const auto urgency = urgency_in(R"({"priority":"low","timeout_ms":1500})").value();
  EXPECT_EQ(urgency.priority, scheduling::Priority::kLow);
  EXPECT_EQ(urgency.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(read_urgency("high", "20")->timeout, std::chrono::milliseconds(20));
  EXPECT_EQ(read_urgency("high", "20")->priority, scheduling::Priority::kHigh);
}

TEST(UrgencyOfARequest, RefusesNumbersAsPrioritiesAndSaysWhy) {
  const auto number = urgency_in(R"({"priority":1})");
  ASSERT_FALSE(number);
  EXPECT_EQ(number.error().code(), kFieldType);
  EXPECT_EQ(number.error().field(), "priority");
  EXPECT_NE(number.error().hint().find("\"high\""), std::string_view::npos);
  EXPECT_EQ(urgency_in(R"({"priority":"urgent"})").error().code(), kFieldRange);
  EXPECT_EQ(read_urgency("1", "").error().code(), kFieldRange);
}

TEST(UrgencyOfARequest, HoldsTheTimeoutsLimits) {
  EXPECT_TRUE(urgency_in(R"({"timeout_ms":1})"));
  EXPECT_TRUE(urgency_in(R"({"timeout_ms":86400000})"));
  for (const auto* wrong : {"0", "-1", "86400001", "1.5"}) {
    const auto body = urgency_in(std::string(R"({"timeout_ms":)") + wrong + "}");
    EXPECT_FALSE(body) << wrong;
    EXPECT_EQ(read_urgency("", wrong).error().field(), "timeout_ms") << wrong;
  }
  EXPECT_TRUE(read_urgency("", "86400000"));
  EXPECT_FALSE(read_urgency("", "12x"));
}

TEST(PressureOnNewWork, RefusesLowPriorityWhileItRisesAndEverythingWhenItIsCritical) {
  using scheduling::Priority;
  PressureGauge gauge;
  const auto refused = [&](Priority priority) { return !check_pressure(&gauge, priority); };
  EXPECT_TRUE(check_pressure(nullptr, Priority::kLow));
  gauge.set(PressureLevel::kNormal, true);
  EXPECT_FALSE(refused(Priority::kLow));
  gauge.set(PressureLevel::kElevated, false);
  EXPECT_FALSE(refused(Priority::kLow));
  gauge.set(PressureLevel::kElevated, true);
  EXPECT_TRUE(refused(Priority::kLow));
  EXPECT_FALSE(refused(Priority::kNormal));
  EXPECT_FALSE(refused(Priority::kHigh));
  gauge.set(PressureLevel::kCritical, false);
  EXPECT_TRUE(refused(Priority::kHigh));
  const auto error = check_pressure(&gauge, Priority::kHigh).error();
  EXPECT_EQ(error.code(), kMemoryPressure);
  EXPECT_GT(error.retry_after()->count(), 0);
}

}  // namespace
}  // namespace forebay::http
