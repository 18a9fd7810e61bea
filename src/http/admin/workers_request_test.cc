#include "http/admin/workers_request.h"

#include <gtest/gtest.h>

#include "http/errors.h"

namespace forebay::http::admin {
namespace {

TEST(WorkersRequestBody, TakesStrategyAndWorkersTogetherOrAlone) {
  const auto both = read_workers_request(R"({"strategy":"least_loaded","workers":2})", {}).value();
  EXPECT_EQ(both.strategy, "least_loaded");
  EXPECT_EQ(both.workers, 2U);
  EXPECT_FALSE(read_workers_request(R"({"workers":1})", {})->strategy);
  EXPECT_FALSE(read_workers_request(R"({"strategy":"x"})", {})->workers);
}

TEST(WorkersRequestBody, RefusesWhatSaysNothingOrTooMuch) {
  EXPECT_EQ(read_workers_request("{}", {}).error().code(), kFieldMissing);
  EXPECT_EQ(read_workers_request(R"({"workers":0})", {}).error().code(), kFieldRange);
  EXPECT_TRUE(read_workers_request(R"({"workers":256})", {}));
  EXPECT_EQ(read_workers_request(R"({"workers":257})", {}).error().code(), kFieldRange);
  EXPECT_EQ(read_workers_request(R"({"worker":1})", {}).error().code(), kFieldUnknown);
  EXPECT_EQ(read_workers_request("", {}).error().code(), kBodyMissing);
}

}  // namespace
}  // namespace forebay::http::admin
