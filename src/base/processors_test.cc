#include "base/processors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/machine.h"

namespace forebay {
namespace {

TEST(Processors, ThoseOfAThreadAreAscendingAndAsManyAsTheMachineSays) {
  const auto processors = usable_processors();
  ASSERT_FALSE(processors.empty());
  EXPECT_TRUE(std::ranges::is_sorted(processors));
  EXPECT_GE(processors.size(), usable_cores());  // a quota may allow less
}

TEST(Processors, AScopeHoldsForItsThreadAndThoseItMakes) {
  const auto all = usable_processors();
  const Processors last = {all.back()};
  Processors of_made;
  {
    const ProcessorsScope scope(last);
    EXPECT_EQ(usable_processors(), last);
    EXPECT_EQ(usable_cores(), 1U);
    std::jthread([&] { of_made = usable_processors(); }).join();
  }
  EXPECT_EQ(of_made, last);
  EXPECT_EQ(usable_processors(), all);
}

TEST(Processors, NoneChangeNothingAndAbsentOnesAreRefused) {
  const auto all = usable_processors();
  EXPECT_TRUE(keep_thread_on({}));
  const Processors absent = {8'191};
  EXPECT_FALSE(keep_thread_on(absent));
  {
    const ProcessorsScope scope(absent);
  }
  EXPECT_EQ(usable_processors(), all);
}

TEST(Processors, AListIsWrittenInRanges) {
  EXPECT_EQ(to_text({}), "");
  EXPECT_EQ(to_text(Processors{3}), "3");
  EXPECT_EQ(to_text(Processors{0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
}

TEST(Processors, TheirIdentityTellsInstructionSets) {
  EXPECT_FALSE(processor_name().empty());
  EXPECT_TRUE(processor_identity().starts_with(processor_name() + ": "));
  EXPECT_GT(processor_identity().size(), processor_name().size() + 2);
}

}  // namespace
}  // namespace forebay
