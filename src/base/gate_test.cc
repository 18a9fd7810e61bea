#include "base/gate.h"

#include <gtest/gtest.h>

#include <latch>
#include <optional>
#include <thread>

namespace forebay {
namespace {

TEST(Gate, CountsWhoIsInside) {
  Gate gate;
  auto first = gate.enter();
  ASSERT_TRUE(first);
  {
    auto second = gate.enter();
    EXPECT_EQ(gate.inside(), 2u);
  }
  EXPECT_EQ(gate.inside(), 1u);
  Gate::Pass moved = std::move(*first);
  EXPECT_EQ(gate.inside(), 1u);
  moved = Gate::Pass();
  EXPECT_EQ(gate.inside(), 0u);
}

TEST(Gate, RefusesOnceClosed) {
  Gate gate;
  gate.close();
  EXPECT_TRUE(gate.closed());
  EXPECT_EQ(gate.enter().error().code(), kShuttingDown);
}

TEST(Gate, SaysWhenSomebodyIsStillInside) {
  Gate gate;
  auto pass = gate.enter();
  EXPECT_FALSE(gate.close_and_wait_until(std::chrono::steady_clock::now()));
  EXPECT_FALSE(gate.enter());
  *pass = Gate::Pass();
  EXPECT_TRUE(gate.close_and_wait_until(std::chrono::steady_clock::now()));
}

TEST(Gate, MayBeDestroyedAsSoonAsTheLastOneHasLeft) {
  for (int round = 0; round < 100; ++round) {
    std::optional<Gate> gate(std::in_place);
    std::latch inside(1);
    std::jthread guest([&, pass = *gate->enter()]() mutable {
      inside.count_down();
      pass = Gate::Pass();
    });
    inside.wait();
    ASSERT_TRUE(gate->close_and_wait_until(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
    gate.reset();
  }
}

}  // namespace
}  // namespace forebay
