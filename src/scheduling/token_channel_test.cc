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

TEST(TokenChannel, WakesAReaderThatWaits) {
  TokenChannel channel(8);
  const SystemClock clock;
  std::thread producer([&channel] { channel.push(token(7)); });
  const auto event = channel.pop_until(clock.now() + std::chrono::minutes(1));
  producer.join();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->token, 7);
}

TEST(TokenChannel, StopsWaitingWhenTheTimeIsUp) {
  TokenChannel channel(8);
  EXPECT_FALSE(channel.pop_until(SystemClock().now()).has_value());
}

}  // namespace
}  // namespace forebay::scheduling
