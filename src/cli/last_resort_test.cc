#include "cli/last_resort.h"

#include <gtest/gtest.h>

#include <future>

namespace forebay::cli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(LastResort, EndsAtItsDeadline) {
  std::promise<void> ended;
  LastResort resort([&] { ended.set_value(); });
  resort.arm(milliseconds(1));
  EXPECT_EQ(ended.get_future().wait_for(hours(1)), std::future_status::ready);
}

TEST(LastResort, TakesAnEarlierDeadlineAndNoLaterOne) {
  std::promise<void> ended;
  LastResort resort([&] { ended.set_value(); });
  resort.arm(hours(24));
  resort.arm(milliseconds(1));
  resort.arm(hours(24));
  EXPECT_EQ(ended.get_future().wait_for(hours(1)), std::future_status::ready);
}

TEST(LastResort, DoesNothingWhenItIsTakenDownFirst) {
  bool ended = false;
  {
    const LastResort never_armed([&] { ended = true; });
  }
  {
    LastResort armed([&] { ended = true; });
    armed.arm(hours(24));
  }
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace forebay::cli
