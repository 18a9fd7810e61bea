#include "http/sse.h"

#include <gtest/gtest.h>

namespace forebay::http {
namespace {

// A client that reads when the test says so.
struct Client {
  std::string received;
  std::uint64_t unread = 0;
  bool gone = false;
  bool reads = true;
  bool closed = false;
};

class FakeWriter final : public StreamWriter {
 public:
  explicit FakeWriter(Client& client) : client_(client) {}
  bool write(const std::string& bytes) override {
    if (client_.gone) return false;
    client_.received += bytes;
    if (!client_.reads) client_.unread += bytes.size();
    return true;
  }
  std::uint64_t unsent() const override { return client_.unread; }
  void close() override { client_.closed = true; }

 private:
  Client& client_;
};

struct EventStreamTest : testing::Test {
  HttpOptions options;
  Client client;
  int too_slow = 0;
  Instant now;
  EventStream stream() {
    return EventStream(std::make_unique<FakeWriter>(client), options, now, [this] { ++too_slow; });
  }
};

TEST_F(EventStreamTest, WritesEventsAndTheEnd) {
  auto events = stream();
  EXPECT_TRUE(events.send("{}", now));
  EXPECT_TRUE(events.done(now));
  events.close();
  EXPECT_EQ(client.received, "data: {}\n\ndata: [DONE]\n\n");
  EXPECT_TRUE(client.closed);
  EXPECT_FALSE(events.send("{}", now));
}

TEST_F(EventStreamTest, CommentsOnlyAfterSilence) {
  auto events = stream();
  events.tick(now + options.keep_alive_interval - std::chrono::milliseconds(1));
  EXPECT_EQ(client.received, "");
  events.tick(now + options.keep_alive_interval);
  EXPECT_EQ(client.received, ": keep-alive\n\n");
  events.tick(now + options.keep_alive_interval + std::chrono::milliseconds(1));
  EXPECT_EQ(client.received, ": keep-alive\n\n");
}

TEST_F(EventStreamTest, NeverCommentsByItselfWhenToldSo) {
  options.keep_alive_interval = std::chrono::milliseconds(0);
  auto events = stream();
  events.tick(now + std::chrono::hours(1));
  EXPECT_EQ(client.received, "");
  EXPECT_TRUE(events.comment(now));
  EXPECT_EQ(client.received, ": keep-alive\n\n");
}

TEST_F(EventStreamTest, DropsAReaderBeyondTheLimitOnceAndNotAtIt) {
  options.stream_unsent_bytes_max = 20;
  client.reads = false;
  auto events = stream();
  EXPECT_TRUE(events.send("1234567890ab", now));  // 6 + 12 + 2 bytes
  EXPECT_EQ(too_slow, 0);
  EXPECT_FALSE(events.send("", now));
  EXPECT_EQ(too_slow, 1);
  EXPECT_FALSE(events.send("", now));
  EXPECT_EQ(too_slow, 1);
}

TEST_F(EventStreamTest, NoticesThatNobodyReads) {
  auto events = stream();
  client.gone = true;
  EXPECT_FALSE(events.send("{}", now));
  EXPECT_FALSE(events.open());
}

}  // namespace
}  // namespace forebay::http
