#include "telemetry/serving_metrics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/testing/virtual_clock.h"

namespace forebay::telemetry {
namespace {

bool has(const Metrics& metrics, const std::string& line) { return ("\n" + metrics.render()).contains("\n" + line + "\n"); }

TEST(ServingMetrics, CountRequestsByRouteAndStatus) {
  Metrics metrics;
  ServingMetrics serving(metrics);
  serving.count_request("chat", 200, 0.02);
  serving.count_request("chat", 200, 0.02);
  serving.count_request("chat", 503, 0.001);
  serving.count_error("FB0005");
  EXPECT_TRUE(has(metrics, "forebay_requests_total{route=\"chat\",status=\"200\"} 2"));
  EXPECT_TRUE(has(metrics, "forebay_requests_total{route=\"chat\",status=\"503\"} 1"));
  EXPECT_TRUE(has(metrics, "forebay_request_seconds_count{route=\"chat\"} 3"));
  EXPECT_TRUE(has(metrics, "forebay_request_seconds_bucket{route=\"chat\",le=\"0.01\"} 1"));
  EXPECT_TRUE(has(metrics, "forebay_errors_total{code=\"FB0005\"} 1"));
}

TEST(ServingMetrics, GiveEachModelItsOwnMembersOnce) {
  Metrics metrics;
  ServingMetrics serving(metrics);
  ModelMetrics& first = serving.for_model("a");
  EXPECT_EQ(&first, &serving.for_model("a"));
  EXPECT_NE(&first, &serving.for_model("b"));
  first.prompt_tokens.increment(7);
  first.batch_size.observe(3);
  EXPECT_TRUE(has(metrics, "forebay_prompt_tokens_total{model=\"a\"} 7"));
  EXPECT_TRUE(has(metrics, "forebay_prompt_tokens_total{model=\"b\"} 0"));
  EXPECT_TRUE(has(metrics, "forebay_batch_size_bucket{model=\"a\",le=\"4\"} 1"));
}

TEST(ServingMetrics, LetTwoVersionsOfAModelCountTogetherAndShowWhatEachHas) {
  Metrics metrics;
  VirtualClock clock;
  ServingMetrics serving(metrics, {.clock = &clock});
  ModelMetrics& old = serving.for_version("a", "1");
  ModelMetrics& young = serving.for_version("a", "2");
  EXPECT_EQ(&old, &serving.for_version("a", "1"));
  old.running.set(3);
  young.running.set(1);
  young.running.set(0);
  old.cells_max.set(512);
  old.prompt_tokens.increment(7);
  young.prompt_tokens.increment(5);
  old.queue_seconds.observe(0.5);
  EXPECT_TRUE(has(metrics, "forebay_requests_running{model=\"a\",version=\"1\"} 3"));
  EXPECT_TRUE(has(metrics, "forebay_requests_running{model=\"a\",version=\"2\"} 0"));
  EXPECT_TRUE(has(metrics, "forebay_kv_cells_max{model=\"a\",version=\"1\"} 512"));
  EXPECT_TRUE(has(metrics, "forebay_prompt_tokens_total{model=\"a\"} 12"));
  EXPECT_EQ(serving.for_model("a").recent()->queue.count, 1U) << "the model's last minute is that of all its versions";
}

TEST(ServingMetrics, ShareOneMemberBeyondTheLimitOnVersions) {
  Metrics metrics;
  ServingMetrics serving(metrics, {.names_max = 2});
  for (const char* version : {"1", "2", "3", "4"}) serving.for_version("a", version).queued.add(1);
  EXPECT_TRUE(has(metrics, "forebay_requests_queued{model=\"a\",version=\"2\"} 1"));
  EXPECT_TRUE(has(metrics, "forebay_requests_queued{model=\"other\",version=\"other\"} 2"));
}

TEST(ServingMetrics, ShareOneMemberBeyondTheLimitOnNames) {
  Metrics metrics;
  ServingMetrics serving(metrics, {.names_max = 2});
  for (const char* name : {"a", "b", "c", "d"}) {
    serving.for_model(name).generated_tokens.increment();
    serving.count_request(name, 200, 0.1);
  }
  EXPECT_EQ(&serving.for_model("c"), &serving.for_model("d"));
  EXPECT_NE(&serving.for_model("a"), &serving.for_model("c"));
  EXPECT_EQ(&serving.for_route("c"), &serving.for_route("d"));
  EXPECT_TRUE(has(metrics, "forebay_generated_tokens_total{model=\"other\"} 2"));
  EXPECT_TRUE(has(metrics, "forebay_requests_total{route=\"other\",status=\"200\"} 2"));
}

TEST(ServingMetrics, ShowTheStateOfTheServer) {
  Metrics metrics;
  ServingMetrics serving(metrics);
  serving.in_flight.add(2);
  serving.in_flight.add(-1);
  serving.budget_bytes_held.set(10);
  serving.budget_bytes_max.set(20);
  serving.models_loaded.set(3);
  EXPECT_TRUE(has(metrics, "forebay_requests_in_flight 1"));
  EXPECT_TRUE(has(metrics, "forebay_memory_budget_held_bytes 10"));
  EXPECT_TRUE(has(metrics, "forebay_memory_budget_max_bytes 20"));
  EXPECT_TRUE(has(metrics, "forebay_models_loaded 3"));
}

TEST(ServingMetrics, LoseNoCountWhenThreadsShareThem) {
  Metrics metrics;
  ServingMetrics serving(metrics, {.names_max = 3});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&serving] {
        for (int i = 0; i < 500; ++i) serving.count_request("chat", 200 + i % 2, 0.01);
      });
    }
  }
  EXPECT_TRUE(has(metrics, "forebay_requests_total{route=\"chat\",status=\"200\"} 1000"));
  EXPECT_TRUE(has(metrics, "forebay_request_seconds_count{route=\"chat\"} 2000"));
}

TEST(ServingMetrics, KnowsTheLastMinuteOfEachModel) {
  Metrics metrics;
  VirtualClock clock;
  ServingMetrics serving(metrics, {.clock = &clock});
  auto& model = serving.for_model("m");
  for (int i = 1; i <= 100; ++i) model.queue_seconds.observe(0.001 * i);
  model.inter_token_seconds.observe(0.5);
  const auto recent = serving.for_model("m").recent();
  ASSERT_TRUE(recent);
  EXPECT_EQ(recent->queue.count, 100U);
  EXPECT_NEAR(std::chrono::duration<double>(recent->queue.p50).count(), 0.050, 0.002);
  EXPECT_NEAR(std::chrono::duration<double>(recent->queue.p99).count(), 0.099, 0.004);
  EXPECT_EQ(recent->inter_token.count, 1U);
  EXPECT_EQ(recent->request.count, 0U);
  clock.advance(std::chrono::seconds(71));
  EXPECT_EQ(serving.for_model("m").recent()->queue.count, 0U);
  EXPECT_FALSE(ServingMetrics(metrics).for_model("m").recent());
  EXPECT_FALSE(ModelMetrics().recent());
}

TEST(ServingMetrics, CountsRefusalsByReasonAndSaysTheVersion) {
  Metrics metrics;
  ServingMetrics serving(metrics);
  serving.count_refused("overloaded");
  serving.count_refused("overloaded");
  serving.note_build("1.2.3");
  EXPECT_NE(metrics.render().find("forebay_refused_total{reason=\"overloaded\"} 2"), std::string::npos);
  EXPECT_NE(metrics.render().find("forebay_build_info{version=\"1.2.3\"} 1"), std::string::npos);
}

TEST(Counter, AdvancesToATotalAndNeverGoesDown) {
  Metrics metrics;
  const auto counter = metrics.counter("c_total", "c");
  counter.advance_to(5);
  counter.advance_to(3);
  EXPECT_NE(metrics.render().find("c_total 5"), std::string::npos);
  counter.advance_to(8);
  EXPECT_NE(metrics.render().find("c_total 8"), std::string::npos);
  Counter().advance_to(1);
}

}  // namespace
}  // namespace forebay::telemetry
