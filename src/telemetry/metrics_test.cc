#include "telemetry/metrics.h"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <thread>

#include "telemetry/serving_metrics.h"

namespace forebay::telemetry {
namespace {

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

TEST(Metrics, TheSameNameAndLabelsAreOneMember) {
  Metrics metrics;
  metrics.counter("a_total", "An a.", {{"x", "1"}}).increment();
  metrics.counter("a_total", "An a.", {{"x", "1"}}).increment(2);
  EXPECT_TRUE(has_line(metrics.render(), "a_total{x=\"1\"} 3"));
}

TEST(Metrics, AHandleThatNobodyMadeCountsNothing) {
  Counter().increment();
  Gauge().set(1);
  Histogram().observe(1);
}

TEST(Metrics, EveryLineIsPrometheusText) {
  Metrics metrics;
  ServingMetrics serving(metrics);
  serving.for_model("digits").queue_seconds.observe(0.01);
  serving.count_request("predict", 200, 0.002);
  serving.count_error("FB1042");
  std::istringstream lines(metrics.render());
  const std::regex comment("# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .*");
  const std::regex sample(R"re([a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+-]+|[+-]Inf|Nan))re");
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(std::regex_match(line, comment) || std::regex_match(line, sample)) << line;
    samples += line.front() != '#' ? 1 : 0;
  }
  EXPECT_GT(samples, 50);
}

TEST(Metrics, LabelsFromOutsideStopGrowingAtTheMaximum) {
  Metrics metrics({.label_sets_max = 2});
  for (const char* value : {"a", "b", "c", "d"}) metrics.counter("n_total", "N.", {{"x", value}}).increment();
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, "n_total{x=\"a\"} 1"));
  EXPECT_TRUE(has_line(text, "n_total{x=\"b\"} 1"));
  EXPECT_TRUE(has_line(text, "n_total{x=\"other\"} 2"));
  EXPECT_EQ(text.find("\"c\""), std::string::npos);
}

TEST(Metrics, ManyThreadsLoseNoCount) {
  Metrics metrics;
  ServingMetrics serving(metrics);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&serving] {
        for (int k = 0; k < 1000; ++k) {
          serving.for_model("m").generated_tokens.increment();
          serving.count_request("r", 200, 0.001);
        }
      });
    }
  }
  EXPECT_TRUE(has_line(metrics.render(), "forebay_generated_tokens_total{model=\"m\"} 4000"));
  EXPECT_TRUE(has_line(metrics.render(), "forebay_requests_total{route=\"r\",status=\"200\"} 4000"));
}

TEST(Metrics, ShowTheProcessItself) {
  Metrics metrics;
  const std::string text = metrics.render();
  for (const char* name : {"process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds "}) {
    const auto at = text.find(std::string("\n") + name);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GE(std::stod(text.substr(at + 1 + std::string(name).size())), 0);
  }
}

}  // namespace
}  // namespace forebay::telemetry
