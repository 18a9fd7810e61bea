#include "scheduling/token_channel.h"

#include <gtest/gtest.h>

#include <thread>

namespace forebay::scheduling {
namespace {

TokenEvent token(Token id) { return {.kind = TokenEvent::Kind::kToken, .token = id}; }
TokenEvent finished() { return {.kind = TokenEvent::Kind::kFinished}; }

TEST(TokenChannel, GivesEventsInOrder) {
  TokenChannel channel(8);
  EXPECT_FALSE(channel.try_pop().has_value());
  EXPECT_TRUE(channel.push(token(1)));
  EXPECT_TRUE(channel.push(token(2)));
  EXPECT_EQ(channel.try_pop()->token, 1);
  EXPECT_EQ(channel.try_pop()->token, 2);
  EXPECT_FALSE(channel.try_pop().has_value());
}

TEST(TokenChannel, RefusesATokenWhenFullButAlwaysTakesTheEnd) {
  TokenChannel channel(2);
  EXPECT_TRUE(channel.push(token(1)));
  EXPECT_TRUE(channel.push(token(2)));
  EXPECT_FALSE(channel.push(token(3)));
  EXPECT_TRUE(channel.push(finished()));
  EXPECT_EQ(channel.try_pop()->token, 1);
  EXPECT_EQ(channel.try_pop()->token, 2);
  EXPECT_EQ(channel.try_pop()->kind, TokenEvent::Kind::kFinished);
}

TEST(TokenChannel, LetsNothingFollowTheEnd) {
  TokenChannel channel(8);
  EXPECT_TRUE(channel.push(finished()));
  channel.push(token(1));
  channel.push(finished());
  EXPECT_EQ(channel.try_pop()->kind, TokenEvent::Kind::kFinished);
  EXPECT_FALSE(channel.try_pop().has_value());
}

TEST(TokenChannel, CallsTheReaderAfterEveryPushAndAtOnceForWhatIsThere) {
  TokenChannel channel(8);
  int calls = 0;
  channel.push(token(1));
  channel.on_ready([&calls] { ++calls; });
  EXPECT_EQ(calls, 1);
  channel.push(token(2));
  EXPECT_EQ(calls, 2);
  channel.on_ready({});
  channel.push(token(3));
  EXPECT_EQ(calls, 2);
}

// Two threads answer each other, so that in every round one of them waits already when the other pushes.
TEST(TokenChannel, WakesAReaderThatWaits) {
  constexpr Token kRounds = 100;
  TokenChannel there(8);
  TokenChannel back(8);
  const SystemClock clock;
  const Instant until = clock.now() + std::chrono::minutes(1);
  std::jthread other([&] {
    for (Token round = 0; round < kRounds; ++round) {
      if (auto event = there.pop_until(until)) back.push(*std::move(event));
    }
  });
  for (Token round = 0; round < kRounds; ++round) {
    there.push(token(round));
    const auto event = back.pop_until(until);
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->token, round);
  }
  EXPECT_LT(clock.now(), until) << "a reader that is not woken takes its event when its time is up";
}

TEST(TokenChannel, StopsWaitingWhenTheTimeIsUp) {
  TokenChannel channel(8);
  EXPECT_FALSE(channel.pop_until(SystemClock().now()).has_value());
}

}  // namespace
}  // namespace forebay::scheduling
