#include "http/server.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "accounts/key_authenticator.h"
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
};

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

}  // namespace
}  // namespace forebay::http
