#include "base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace forebay {
namespace {

const std::vector<std::string> kWords = {"serve", "inspect", "devices", "doctor"};

TEST(Nearest, FindsAWordWithOneSlip) {
  EXPECT_EQ(nearest("srve", kWords), "serve");
  EXPECT_EQ(nearest("sevre", kWords), "serve");
  EXPECT_EQ(nearest("INSPECT", kWords), "inspect");
}

TEST(Nearest, FindsNothingFarAway) {
  EXPECT_EQ(nearest("banana", kWords), std::nullopt);
  EXPECT_EQ(nearest("", kWords), std::nullopt);
  EXPECT_EQ(nearest(std::string(129, 'a'), kWords), std::nullopt);
}

}  // namespace
}  // namespace forebay
