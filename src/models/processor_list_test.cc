#include "models/processor_list.h"

#include <gtest/gtest.h>

#include "models/errors.h"

namespace forebay::models {
namespace {

Result<Processors> parsed(std::vector<std::string> entries) { return processors_of(entries); }

TEST(ProcessorList, TakesNumbersAndRangesOnce) {
  const auto usable = usable_processors();
  const std::string first = std::to_string(usable.front());
  EXPECT_EQ(parsed({}).value(), Processors());
  EXPECT_EQ(parsed({first, first + "-" + first}).value(), (Processors{usable.front()}));
  if (to_text(usable).contains(',')) return;
  EXPECT_EQ(parsed({to_text(usable)}).value(), usable);
}

TEST(ProcessorList, RefusesWhatIsNoProcessorOrMayNotBeUsed) {
  for (const char* entry : {"", "-", "1-", "-1", "a", "0x1", "3-1", "1-2-3", " 0", "8192", "99999999999999999999"}) {
    const auto refused = parsed({entry});
    ASSERT_FALSE(refused) << entry;
    EXPECT_EQ(refused.error().code(), kAffinitySettingInvalid);
  }
  const auto absent = parsed({"8191"});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message(), "processor 8191 is not one of those this process may use: " + to_text(usable_processors()));
}

TEST(ProcessorList, AProcessorThatThisThreadMayNotUseIsRefused) {
  const auto usable = usable_processors();
  if (usable.size() < 2) return;
  const ProcessorsScope scope{std::span<const std::uint32_t>(usable).first(1)};
  EXPECT_FALSE(parsed({std::to_string(usable.back())}));
}

}  // namespace
}  // namespace forebay::models
