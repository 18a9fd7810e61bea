#include "http/server.h"

#include <gtest/gtest.h>

#include <thread>

#include "accounts/gatekeeper.h"
#include "base/executor.h"

namespace forebay::http {
namespace {

// One test: the library's application runs once a process.
TEST(Server, CanBeStoppedAgainWhenItsLoopsHaveEnded) {
  const SystemClock clock;
  telemetry::Metrics metrics;
  telemetry::ServingMetrics serving_metrics(metrics, {.clock = &clock});
  const auto gatekeeper = accounts::Gatekeeper::create({});
  ASSERT_TRUE(gatekeeper);
  ThreadPool pool({.name = "request", .threads = 1});
  auto server = Server::create({.host = "127.0.0.1", .port = 0}, {.gatekeeper = &*gatekeeper,
                                                                  .metrics = &metrics,
                                                                  .serving_metrics = &serving_metrics,
                                                                  .request_pool = &pool,
                                                                  .clock = &clock,
                                                                  .version = "test"});
  ASSERT_TRUE(server);
  std::jthread stopper;
  ASSERT_TRUE((*server)->run([&](std::uint16_t port) {
    EXPECT_NE(port, 0);
    stopper = std::jthread([&] { (*server)->stop(); });
  }));
  stopper.join();
  (*server)->stop();  // a drain that ends late
}

}  // namespace
}  // namespace forebay::http
