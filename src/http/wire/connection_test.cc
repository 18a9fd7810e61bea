#include "http/wire/connection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/virtual_clock.h"
#include "http/errors.h"
#include "http/wire/event_loop.h"

namespace forebay::http::wire {
namespace {

// A client: its bytes come when the test says so, and it takes bytes as fast as the test says.
struct Client {
  std::string to_server;
  std::string received;
  std::size_t takes_max = SIZE_MAX;  // of the next writes together
  bool ended = false;                // sends nothing more
  bool server_ended = false;
  bool closed = false;
  bool watched = false;
  Opened opened = Opened::kUsable;
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(Client& client) : client_(client) {}
  void open(std::shared_ptr<Events> events) override { events->opened(client_.opened); }
  void read(std::span<char> into, std::shared_ptr<Events> events) override { reading_ = {into, std::move(events)}; }
  void write(std::span<const std::string_view> pieces, std::shared_ptr<Events> events) override {
    text_.clear();
    for (const auto piece : pieces) text_ += piece;
    writing_ = std::move(events);
  }
  void watch(std::shared_ptr<Events> events) override {
    client_.watched = true;
    watching_ = std::move(events);
  }
  void end_sending(std::shared_ptr<Events>) override { client_.server_ended = true; }
  void close() override {
    client_.closed = true;
    reading_ = {};
    writing_ = nullptr;
    watching_ = nullptr;
  }
  const std::string& peer_address() const override { return peer_; }
  bool can_be_half_closed() const override { return true; }

  // Lets the operations end that can. True: something happened.
  bool move() {
    if (writing_ != nullptr && client_.takes_max > 0) {
      const std::size_t bytes = std::min(text_.size(), client_.takes_max);
      client_.received += text_.substr(0, bytes);
      if (client_.takes_max != SIZE_MAX) client_.takes_max -= bytes;
      std::exchange(writing_, nullptr)->write_done(bytes);
      return true;
    }
    if (reading_.events == nullptr || (client_.to_server.empty() && !client_.ended)) return false;
    const std::size_t bytes = std::min(client_.to_server.size(), reading_.into.size());
    std::ranges::copy(client_.to_server.substr(0, bytes), reading_.into.begin());
    client_.to_server.erase(0, bytes);
    std::exchange(reading_.events, nullptr)->read_done(bytes);
    return true;
  }
  void reset() { std::exchange(watching_, nullptr)->broken(); }

 private:
  struct Reading {
    std::span<char> into;
    std::shared_ptr<Events> events;
  };
  Client& client_;
  Reading reading_;
  std::string text_;
  std::shared_ptr<Events> writing_;
  std::shared_ptr<Events> watching_;
  std::string peer_ = "peer";
};

struct Seen {
  std::string path;
  std::string body;
  bool complete = false;
  std::vector<CancelReason> gone;
  std::vector<std::string> broken;
};

class ConnectionTest : public testing::Test, public Application {
 protected:
  class Request final : public Receiver {
   public:
    Request(ConnectionTest& test, std::size_t index) : test_(test), index_(index) {}
    void body_piece(std::string_view bytes) override {
      seen().body += bytes;
      if (test_.on_piece) test_.on_piece(*test_.connection);
    }
    void body_complete() override {
      seen().complete = true;
      if (test_.on_complete) test_.on_complete(*test_.connection, seen());
    }
    void body_broken(const Error& error) override {
      seen().broken.push_back(error.message());
      test_.connection->respond({.status = 400, .fields = {}, .body = "broken"});
    }
    void client_gone(CancelReason reason) override { seen().gone.push_back(reason); }
    void tick(Instant) override { ++test_.ticks; }

   private:
    Seen& seen() { return test_.requests[index_]; }
    ConnectionTest& test_;
    std::size_t index_;
  };

  ConnectionTest() {
    auto own = std::make_unique<FakeTransport>(client);
    transport = own.get();
    connection = std::make_shared<Connection>(std::move(own), loop, ConnectionLimits{.head_bytes_max = 1024}, *this, clock);
    connection->open();
  }
  ~ConnectionTest() override {
    connection->drop();
    loop->finish();
    loop->run(std::chrono::milliseconds(1), [] {});
  }

  std::shared_ptr<Receiver> begin(const std::shared_ptr<Connection>& from, const std::shared_ptr<const RequestHead>& head) override {
    requests.push_back({.path = std::string(head->path()), .body = {}, .gone = {}, .broken = {}});
    auto request = std::make_shared<Request>(*this, requests.size() - 1);
    if (on_head) on_head(*from);
    return request;
  }
  Response refuse(const Error& error, std::string_view target) override {
    return {.status = 400, .fields = {}, .body = error.message() + " for " + std::string(target)};
  }
  void closed(const Connection&) override { ++times_closed; }

  void send(std::string_view bytes) {
    client.to_server += bytes;
    settle();
  }
  void end() {
    client.ended = true;
    settle();
  }
  void settle() {
    while (!client.closed && transport->move()) {
    }
  }
  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    connection->tick(clock.now());
    settle();
  }
  std::size_t responses() const {
    std::size_t count = 0;
    for (auto at = client.received.find("HTTP/1.1 2"); at != std::string::npos; at = client.received.find("HTTP/1.1 2", at + 1)) ++count;
    return count;
  }
  static void answer_at_once(Connection& connection, const Seen& seen) {
    connection.respond({.status = 200, .fields = {}, .body = seen.path + seen.body});
  }

  VirtualClock clock;
  Client client;
  std::shared_ptr<EventLoop> loop = std::make_shared<EventLoop>();
  FakeTransport* transport = nullptr;
  std::shared_ptr<Connection> connection;
  std::vector<Seen> requests;
  std::function<void(Connection&)> on_head;
  std::function<void(Connection&)> on_piece;
  std::function<void(Connection&, const Seen&)> on_complete;
  int ticks = 0;
  int times_closed = 0;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(ConnectionTest, AnswersOneRequestAfterAnother) {
  on_complete = answer_at_once;
  send(kGet);
  send("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nx");
  EXPECT_EQ(requests.at(1).body, "x");
  EXPECT_FALSE(requests.at(1).complete);
  send("yz");
  EXPECT_EQ(responses(), 2U);
  EXPECT_TRUE(client.received.ends_with("/bxyz"));
  EXPECT_FALSE(client.closed);
}

TEST_F(ConnectionTest, RequestsSentAheadAreAnsweredInOrder) {
  std::string all;
  for (int i = 0; i < 100; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  send(all);
  ASSERT_EQ(requests.size(), 1U) << "the second one waits for the first one's response";
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(requests.size(), static_cast<std::size_t>(i) + 1);
    connection->respond({.status = 200, .fields = {}, .body = requests.back().path});
    settle();
  }
  EXPECT_EQ(responses(), 100U);
  EXPECT_LT(client.received.find("/98"), client.received.find("/99"));
}

TEST_F(ConnectionTest, DoesNotReadWithoutBoundWhileARequestRuns) {
  send(kGet);
  client.to_server = std::string(1 << 20, 'x');
  settle();
  EXPECT_GT(client.to_server.size(), (1U << 20U) - (200U << 10U));
}

TEST_F(ConnectionTest, AStreamIsChunkedOrEndsWithTheConnection) {
  on_complete = [](Connection& to, const Seen&) {
    to.begin_stream({.status = 200, .fields = {{"X", "y"}}, .body = {}});
    to.write_piece("hello");
    to.write_piece("");
    to.end_stream();
  };
  send(kGet);
  EXPECT_TRUE(client.received.ends_with("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) << client.received;
  send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.received.ends_with("Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) << client.received;
  EXPECT_TRUE(client.server_ended);
}

TEST_F(ConnectionTest, AStreamOfHttp10EndsWithTheConnection) {
  on_complete = [](Connection& to, const Seen&) {
    to.begin_stream({});
    to.write_piece("hello");
    to.end_stream();
  };
  send("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.received.ends_with("Connection: close\r\n\r\nhello")) << client.received;
  EXPECT_TRUE(client.server_ended);
}

TEST_F(ConnectionTest, HeadGetsTheLengthWithoutTheBody) {
  on_complete = answer_at_once;
  send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.received.find("Content-Length: 2\r\n"), std::string::npos);
  EXPECT_TRUE(client.received.ends_with("\r\n\r\n"));
}

TEST_F(ConnectionTest, NothingAfterAnErrorIsParsed) {
  on_complete = answer_at_once;
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + std::string(kGet));
  EXPECT_TRUE(requests.empty());
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 400 ")) << client.received;
  EXPECT_NE(client.received.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(client.server_ended);
  send(kGet);
  EXPECT_TRUE(requests.empty());
  EXPECT_FALSE(client.closed) << "the client may still be reading";
  pass(std::chrono::seconds(3));
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(times_closed, 1);
}

TEST_F(ConnectionTest, AnErrorAfterAnAnsweredRequestIsAnsweredToo) {
  on_complete = answer_at_once;
  send(std::string(kGet) + "nonsense\r\n\r\n");
  EXPECT_EQ(responses(), 1U);
  EXPECT_NE(client.received.find("HTTP/1.1 400 "), std::string::npos);
}

TEST_F(ConnectionTest, ABrokenChunkIsTheReceiversToAnswer) {
  send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX" + std::string(kGet));
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].broken.size(), 1U);
  EXPECT_TRUE(client.received.ends_with("broken"));
  EXPECT_TRUE(client.server_ended);
}

TEST_F(ConnectionTest, ARefusedBodyThatIsHereLeavesTheConnectionOpen) {
  on_head = [](Connection& to) { to.respond({.status = 401, .fields = {}, .body = {}}); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(client.received.find("Connection: close"), std::string::npos) << client.received;
  on_head = nullptr;
  on_complete = answer_at_once;
  send(kGet);
  EXPECT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].body, "");
  EXPECT_EQ(responses(), 1U);
}

TEST_F(ConnectionTest, ARefusedBodyThatMayNeverComeClosesTheConnection) {
  on_head = [](Connection& to) { to.respond({.status = 401, .fields = {}, .body = {}}); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab");
  EXPECT_NE(client.received.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(client.server_ended);
}

TEST_F(ConnectionTest, ARefusedLargeOrChunkedBodyClosesTheConnection) {
  on_head = [](Connection& to) { to.respond({.status = 413, .fields = {}, .body = {}}); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_NE(client.received.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(client.server_ended);
  client.to_server = std::string(1 << 20, 'x');
  settle();
  EXPECT_TRUE(client.to_server.empty()) << "what comes is dropped, so that the client reads the response";
}

TEST_F(ConnectionTest, AsksForABodyThatIsExpected) {
  on_complete = answer_at_once;
  const std::string head = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n";
  send(head);
  EXPECT_EQ(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
  send("1\r\nx\r\n0\r\n\r\n");
  EXPECT_EQ(responses(), 1U);
  client.received.clear();
  send(head + "1\r\nx\r\n0\r\n\r\n");
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 200 ")) << "the body is there already";
  client.received.clear();
  on_head = [](Connection& to) { to.respond({.status = 401, .fields = {}, .body = {}}); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 401 "));
  EXPECT_NE(client.received.find("Connection: close"), std::string::npos) << "nobody knows whether the body will come";
}

TEST_F(ConnectionTest, APausedBodyStaysWithTheClient) {
  on_piece = [](Connection& to) { to.pause_body(); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x'));
  EXPECT_LT(requests.at(0).body.size(), 100'000U);
  EXPECT_GT(client.to_server.size(), 800'000U);
  on_piece = nullptr;
  connection->resume_body();
  loop->defer([this] { loop->finish(); });
  loop->run(std::chrono::milliseconds(1), [] {});
  settle();
  EXPECT_EQ(requests[0].body.size(), 1'000'000U);
  EXPECT_TRUE(requests[0].complete);
}

TEST_F(ConnectionTest, ABodyThatIsPausedAtItsHeadIsAskedForWhenItGoesOn) {
  on_head = [](Connection& to) { to.pause_body(); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.received, "");
  connection->resume_body();
  settle();
  EXPECT_EQ(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(ConnectionTest, AResponseToAPausedRequestLetsTheNextOneBegin) {
  on_head = [](Connection& to) { to.pause_body(); };
  on_complete = answer_at_once;
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + std::string(kGet));
  EXPECT_EQ(requests.size(), 1U);
  on_head = nullptr;
  connection->respond({.status = 401, .fields = {}, .body = {}});
  loop->defer([this] { loop->finish(); });
  loop->run(std::chrono::milliseconds(1), [] {});
  settle();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].body, "") << "dropped";
  EXPECT_TRUE(requests[1].complete);
}

TEST_F(ConnectionTest, AHalfClosedClientGetsItsResponses) {
  send(std::string(kGet) + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
  end();
  EXPECT_FALSE(client.closed);
  connection->respond({.status = 200, .fields = {}, .body = "one"});
  settle();
  connection->respond({.status = 200, .fields = {}, .body = "two"});
  settle();
  EXPECT_EQ(responses(), 2U);
  EXPECT_TRUE(client.closed);
  EXPECT_TRUE(requests.at(0).gone.empty());
  EXPECT_TRUE(requests.at(1).gone.empty());
}

TEST_F(ConnectionTest, AClientThatHasGoneIsFoundByAProbe) {
  send(kGet);
  end();
  EXPECT_TRUE(client.watched);
  pass(std::chrono::milliseconds(10));
  EXPECT_EQ(client.received, "") << "most responses come before a probe is needed";
  pass(std::chrono::milliseconds(15));
  EXPECT_EQ(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
  transport->reset();
  ASSERT_EQ(requests[0].gone.size(), 1U);
  EXPECT_EQ(requests[0].gone[0], CancelReason::kClientGone);
  EXPECT_TRUE(client.closed);
}

TEST_F(ConnectionTest, AClientThatEndsWithinABodyIsToldSo) {
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab");
  end();
  ASSERT_EQ(requests.at(0).broken.size(), 1U);
  EXPECT_EQ(requests[0].broken[0], "the body ends after 2 of 3 bytes");
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 400 ")) << client.received;
  EXPECT_TRUE(client.received.contains("Connection: close"));
  EXPECT_TRUE(client.closed);
}

TEST_F(ConnectionTest, AClientThatEndsWithinAHeadIsToldSo) {
  on_complete = answer_at_once;
  send(std::string(kGet) + "GET /v1/b HTTP/1.1\r\n");
  end();
  EXPECT_EQ(responses(), 1U) << "the first request was whole";
  EXPECT_TRUE(client.received.ends_with("the request's head ends early for /v1/b")) << client.received;
  EXPECT_TRUE(client.closed);
}

TEST_F(ConnectionTest, AClientThatEndsBetweenRequestsIsNotAnswered) {
  on_complete = answer_at_once;
  send(std::string(kGet) + "\r\n");
  end();
  EXPECT_EQ(responses(), 1U);
  EXPECT_FALSE(client.received.contains("400")) << client.received;
  EXPECT_TRUE(client.closed);
}

TEST_F(ConnectionTest, APausedBodyIsNotOverWhenTheClientEnds) {
  on_complete = answer_at_once;
  on_piece = [](Connection& from) { from.pause_body(); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  end();
  EXPECT_FALSE(client.closed);
  EXPECT_EQ(requests.at(0).body, "a");
}

TEST_F(ConnectionTest, ABodyThatStopsComingIsRefused) {
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
  pass(std::chrono::seconds(29));
  send("b");
  pass(std::chrono::seconds(29));
  EXPECT_TRUE(requests.at(0).broken.empty()) << "the time counts from the last byte";
  pass(std::chrono::seconds(2));
  ASSERT_EQ(requests[0].broken.size(), 1U);
  EXPECT_EQ(requests[0].broken[0], "no byte of the body came for 30000 ms");
  EXPECT_TRUE(client.received.contains("Connection: close"));
  EXPECT_TRUE(client.server_ended);
}

TEST_F(ConnectionTest, APausedBodyIsNotStalled) {
  on_piece = [](Connection& from) { from.pause_body(); };
  send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
  pass(std::chrono::hours(1));
  EXPECT_TRUE(requests.at(0).broken.empty());
}

TEST_F(ConnectionTest, PlainHttpWhereTlsIsWantedIsToldSo) {
  Client other{.to_server = {}, .received = {}, .opened = Opened::kPlainOnTls};
  auto own = std::make_unique<FakeTransport>(other);
  auto* const plain = own.get();
  const auto wrong = std::make_shared<Connection>(std::move(own), loop, ConnectionLimits{}, *this, clock);
  wrong->open();
  other.to_server = "GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n";
  while (!other.closed && plain->move()) {
  }
  EXPECT_TRUE(other.received.starts_with("HTTP/1.1 400 ")) << other.received;
  EXPECT_TRUE(other.received.ends_with("this port speaks TLS: use https:// for /v1/models")) << other.received;
  EXPECT_TRUE(other.server_ended);
  EXPECT_TRUE(requests.empty());
  wrong->drop();
}

TEST_F(ConnectionTest, IdleAndSlowConnectionsAreClosed) {
  pass(std::chrono::seconds(59));
  EXPECT_FALSE(client.closed);
  send("GET /a HT");
  pass(std::chrono::seconds(59));
  EXPECT_FALSE(client.closed) << "the time counts from the head's first byte";
  pass(std::chrono::seconds(2));
  EXPECT_TRUE(client.closed);
}

TEST_F(ConnectionTest, ARunningRequestIsNotIdle) {
  send(kGet);
  pass(std::chrono::hours(1));
  EXPECT_FALSE(client.closed);
  EXPECT_EQ(ticks, 1);
}

TEST_F(ConnectionTest, AReaderWithoutProgressIsDropped) {
  client.takes_max = 1000;
  send(kGet);
  connection->respond({.status = 200, .fields = {}, .body = std::string(100'000, 'x')});
  settle();
  EXPECT_GT(connection->unsent_bytes(), 90'000U);
  pass(std::chrono::seconds(59));
  client.takes_max = 1000;
  settle();
  pass(std::chrono::seconds(59));
  EXPECT_FALSE(client.closed);
  pass(std::chrono::seconds(2));
  EXPECT_TRUE(client.closed);
}

TEST_F(ConnectionTest, ManyResponsesThatAreNotReadHoldTheNextRequestsBack) {
  client.takes_max = 0;
  on_complete = [](Connection& to, const Seen&) { to.respond({.status = 200, .fields = {}, .body = std::string(100'000, 'x')}); };
  std::string all;
  for (int i = 0; i < 12; ++i) all += kGet;
  send(all);
  EXPECT_EQ(requests.size(), 3U);
  client.takes_max = SIZE_MAX;
  settle();
  EXPECT_EQ(responses(), 12U);
}

TEST_F(ConnectionTest, ShuttingDownTellsTheRequestAndClosesAfterItsResponse) {
  send(kGet);
  connection->shut_down();
  ASSERT_EQ(requests[0].gone.size(), 1U);
  EXPECT_EQ(requests[0].gone[0], CancelReason::kShutdown);
  EXPECT_TRUE(client.closed) << "it has given no response";
}

TEST_F(ConnectionTest, AnIdleConnectionIsClosedWhenTheServerEnds) {
  connection->shut_down();
  EXPECT_TRUE(client.closed);
}

}  // namespace
}  // namespace forebay::http::wire
