#include "http/server.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

#include "accounts/errors.h"
#include "accounts/key_authenticator.h"
#include "accounts/testing/held_authenticator.h"
#include "base/executor.h"
#include "http/errors.h"

namespace forebay::http {
namespace {

class ServerTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Server>> make(std::uint16_t port) {
    return Server::create({.host = "127.0.0.1", .port = port, .loop_threads = 2}, {.authenticator = &*authenticator_,
                                                                                   .metrics = &metrics_,
                                                                                   .serving_metrics = &serving_metrics_,
                                                                                   .request_pool = &pool_,
                                                                                   .clock = &clock_,
                                                                                   .version = "test"});
  }
  // Serves `act`, given the port, with callers that the test names.
  void serve_held(HttpOptions options, const std::function<void(std::uint16_t)>& act) {
    options.host = "127.0.0.1";
    options.port = 0;
    options.loop_threads = 1;
    auto server = Server::create(options, {.authenticator = &held_,
                                           .metrics = &metrics_,
                                           .serving_metrics = &serving_metrics_,
                                           .request_pool = &pool_,
                                           .clock = &clock_,
                                           .version = "test"});
    ASSERT_TRUE(server);
    std::jthread actor;
    ASSERT_TRUE((*server)->run([&](std::uint16_t port) {
      actor = std::jthread([&, port] {
        act(port);
        (*server)->stop();
      });
    }));
  }
  // What a client gets for one request.
  static std::string ask(std::uint16_t port, const std::string& request) {
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket socket(context);
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    boost::asio::write(socket, boost::asio::buffer(request));
    std::string received;
    boost::system::error_code end;
    boost::asio::read(socket, boost::asio::dynamic_buffer(received), end);
    return received;
  }

  const SystemClock clock_;
  telemetry::Metrics metrics_;
  telemetry::ServingMetrics serving_metrics_{metrics_, {.clock = &clock_}};
  Result<accounts::KeyAuthenticator> authenticator_ = accounts::KeyAuthenticator::create({});
  ThreadPool pool_{{.name = "request", .threads = 1}};
  accounts::HeldAuthenticator held_;
};

// Routes that need no model.
const std::string kGet = "GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string kGetOfAdmin = "GET /admin/dead-letters HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

TEST_F(ServerTest, CanBeStoppedAgainWhenItsLoopsHaveEnded) {
  auto server = make(0);
  ASSERT_TRUE(server);
  std::jthread stopper;
  ASSERT_TRUE((*server)->run([&](std::uint16_t port) {
    EXPECT_NE(port, 0);
    stopper = std::jthread([&] { (*server)->stop(); });
  }));
  stopper.join();
  (*server)->stop();  // a drain that ends late
}

TEST_F(ServerTest, CanBeStoppedBeforeItRuns) {
  auto server = make(0);
  ASSERT_TRUE(server);
  (*server)->stop();
  EXPECT_TRUE((*server)->run({}));
}

TEST_F(ServerTest, ABusyPortIsAnError) {
  auto server = make(0);
  ASSERT_TRUE(server);
  std::jthread client;
  ASSERT_TRUE((*server)->run([&](std::uint16_t port) {
    const auto second = make(port);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), kPortInUse);
    (*server)->stop();
  }));
  EXPECT_EQ(Server::create({.host = "no-address"}, {.authenticator = &*authenticator_, .clock = &clock_}).error().code(), kBadAddress);
}

TEST_F(ServerTest, TwoServersAnswerInOneProcess) {
  auto first = make(0);
  auto second = make(0);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  const std::string request = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  std::jthread other;
  ASSERT_TRUE((*first)->run([&](std::uint16_t first_port) {
    other = std::jthread([&, first_port] {
      ASSERT_TRUE((*second)->run([&](std::uint16_t second_port) {
        for (const auto port : {first_port, second_port}) EXPECT_TRUE(ask(port, request).starts_with("HTTP/1.1 404 Not Found\r\n"));
        (*second)->stop();
      }));
      EXPECT_TRUE(ask(first_port, request).starts_with("HTTP/1.1 404 Not Found\r\n")) << "the other one goes on";
      (*first)->stop();
    });
  }));
}

TEST_F(ServerTest, ARequestWaitsUntilItsCallerIsFoundElsewhere) {
  serve_held({}, [&](std::uint16_t port) {
    auto received = std::async(std::launch::async, ask, port, kGet + kGet + kGetOfAdmin);
    EXPECT_TRUE(held_.answer_one(accounts::Principal{.id = "key-1", .role = accounts::Role::kUser}));
    EXPECT_TRUE(held_.answer_one(fail(accounts::kKeyWrong, "the API key is wrong")));
    EXPECT_TRUE(held_.answer_one(accounts::Principal{.id = "key-1", .role = accounts::Role::kUser}));
    const std::string text = received.get();
    const auto first = text.find("HTTP/1.1 200 OK");
    const auto second = text.find("HTTP/1.1 401 ", first);
    const auto third = text.find("HTTP/1.1 403 ", second);
    EXPECT_EQ(first, 0U) << text;
    EXPECT_NE(second, std::string::npos) << text;
    EXPECT_NE(third, std::string::npos) << text;
    EXPECT_NE(text.find("key_not_admin", third), std::string::npos) << text;
  });
}

TEST_F(ServerTest, HealthDoesNotWaitForAnyCaller) {
  serve_held({}, [&](std::uint16_t port) {
    EXPECT_TRUE(ask(port, "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200 OK"));
  });
}

TEST_F(ServerTest, ACallerThatIsNotFoundInTimeIsAnsweredAtTheDeadlineAndOnlyOnce) {
  serve_held({.request_timeout = std::chrono::milliseconds(1)}, [&](std::uint16_t port) {
    EXPECT_TRUE(ask(port, "GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 504 "));
    EXPECT_TRUE(held_.answer_one(accounts::Principal{.id = "key-1", .role = accounts::Role::kUser}));
  });
}

}  // namespace
}  // namespace forebay::http
