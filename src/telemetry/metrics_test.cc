#include "telemetry/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "telemetry/self_metrics.h"

namespace forebay::telemetry {
namespace {

// The rules of the text format 0.0.4 that promtool checks: HELP and TYPE before the samples of a family and once, families in one
// piece, names and labels of the right characters, no sample twice. The samples, or a complaint.
struct Parsed {
  std::map<std::string, double> samples;  // "name{label="value"}" -> value
  std::map<std::string, std::string> types;
  std::string complaint;
};

std::string family_of(const std::string& name, const Parsed& parsed) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string family = name.substr(0, name.size() - std::string(suffix).size());
    const auto type = parsed.types.find(family);
    if (type != parsed.types.end() && type->second == "histogram") return family;
  }
  return name;
}

void parse_line(const std::string& line, Parsed& parsed, std::string& current, std::set<std::string>& finished) {
  static const std::regex kComment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)");
  static const std::regex kSample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\\\|\\n|\\")*"(,|(?=\})))*\})? ([-+0-9.eE]+|[-+]?Inf|Nan))re");
  std::smatch match;
  if (std::regex_match(line, match, kComment)) {
    if (match[2] != current) {
      if (!finished.insert(match[2]).second) parsed.complaint = "a family in two pieces: " + line;
      current = match[2];
    }
    if (match[1] == "TYPE" && !parsed.types.emplace(match[2], match[3]).second) parsed.complaint = "two types: " + line;
  } else if (std::regex_match(line, match, kSample)) {
    if (family_of(match[1], parsed) != current) parsed.complaint = "a sample outside its family: " + line;
    const std::string value = match[6];
    if (!parsed.samples.emplace(match[1].str() + match[2].str(), value == "Nan" ? NAN : std::stod(value)).second)
      parsed.complaint = "twice: " + line;
  } else {
    parsed.complaint = "no such line: " + line;
  }
}

Parsed parse(const std::string& text) {
  Parsed parsed;
  std::istringstream lines(text);
  std::string current;
  std::set<std::string> finished;
  for (std::string line; std::getline(lines, line);) parse_line(line, parsed, current, finished);
  if (!text.ends_with('\n')) parsed.complaint = "the last line does not end";
  return parsed;
}

TEST(Metrics, RenderWhatPrometheusReads) {
  Metrics metrics;
  metrics.counter("requests_total", "Requests", {{"route", "chat"}}).increment();
  metrics.counter("requests_total", "Requests", {{"route", "chat"}}).increment(2);
  metrics.gauge("queued", "Waiting ones").set(-1.5);
  metrics.histogram("took_seconds", "Time", {0.1, 1}).observe(0.5);
  const auto parsed = parse(metrics.render());
  EXPECT_EQ(parsed.complaint, "");
  EXPECT_EQ(parsed.samples.at("requests_total{route=\"chat\"}"), 3);
  EXPECT_EQ(parsed.samples.at("queued"), -1.5);
  EXPECT_EQ(parsed.samples.at("took_seconds_bucket{le=\"0.1\"}"), 0);
  EXPECT_EQ(parsed.samples.at("took_seconds_bucket{le=\"1\"}"), 1);
  EXPECT_EQ(parsed.samples.at("took_seconds_bucket{le=\"+Inf\"}"), 1);
  EXPECT_EQ(parsed.samples.at("took_seconds_count"), 1);
  EXPECT_EQ(parsed.types.at("took_seconds"), "histogram");
}

TEST(Metrics, OfTheCheckAreFoundWhenTheyAreWrong) {
  for (const char* text :
       {"a 1", "# TYPE a counter\n# TYPE a counter\na 1\n", "# TYPE a counter\nb 1\n", "# TYPE a counter\na{x=\"\n\"} 1\n",
        "# TYPE a counter\na 1\na 1\n", "# TYPE a counter\na{1x=\"\"} 1\n", "# TYPE a gauge\n# TYPE b gauge\n# HELP a x\n"}) {
    EXPECT_NE(parse(text).complaint, "") << text;
  }
}

TEST(Metrics, EscapeLabelsFromOutside) {
  Metrics metrics;
  metrics.counter("seen_total", "Seen", {{"model", "a\"b\\c\nd\xff\xc3\xa9"}}).increment();
  metrics.counter("seen_total", "Seen", {{"model", std::string(1'000, 'x')}}).increment();
  const auto parsed = parse(metrics.render());
  EXPECT_EQ(parsed.complaint, "");
  EXPECT_EQ(parsed.samples.count("seen_total{model=\"a\\\"b\\\\c_d___\"}"), 1u);
  EXPECT_EQ(parsed.samples.count("seen_total{model=\"" + std::string(128, 'x') + "\"}"), 1u);
}

TEST(Metrics, CountTheRestAsOtherBeyondTheLimit) {
  Metrics metrics({.label_sets_max = 2});
  for (const char* user : {"a", "b", "c", "d", "a"}) metrics.counter("seen_total", "Seen", {{"user", user}}).increment();
  const auto parsed = parse(metrics.render());
  EXPECT_EQ(parsed.samples.at("seen_total{user=\"a\"}"), 2);
  EXPECT_EQ(parsed.samples.at("seen_total{user=\"b\"}"), 1);
  EXPECT_EQ(parsed.samples.at("seen_total{user=\"other\"}"), 2);
  EXPECT_EQ(parsed.samples.count("seen_total{user=\"c\"}"), 0u);
}

TEST(Metrics, CountNothingThroughHandlesThatWereNotGiven) {
  Counter().increment();
  Gauge().set(1);
  Gauge().add(1);
  Histogram().observe(1);
}

TEST(Metrics, LoseNoCountWhenThreadsShareThem) {
  Metrics metrics({.label_sets_max = 10});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&metrics, t] {
        const Histogram histogram = metrics.histogram("took_seconds", "Time", {1});
        for (int i = 0; i < 500; ++i) {
          metrics.counter("seen_total", "Seen", {{"n", std::to_string((i + t) % 20)}}).increment();
          histogram.observe(0.5);
          if (i % 100 == 0) {
            EXPECT_EQ(parse(metrics.render()).complaint, "");
          }
        }
      });
    }
  }
  const auto parsed = parse(metrics.render());
  double seen = 0;
  for (const auto& [name, value] : parsed.samples) seen += name.starts_with("seen_total") ? value : 0;
  EXPECT_EQ(seen, 2'000);
  EXPECT_EQ(parsed.samples.at("took_seconds_count"), 2'000);
}

TEST(Metrics, IncludeTheProcess) {
  const auto parsed = parse(Metrics().render());
  EXPECT_EQ(parsed.complaint, "");
  EXPECT_GT(parsed.samples.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(parsed.samples.at("process_threads"), 1);
  EXPECT_GE(parsed.samples.at("process_open_fds"), 3);
  EXPECT_GT(parsed.samples.at("process_start_time_seconds"), 1e9);
  EXPECT_EQ(parsed.types.at("process_cpu_seconds_total"), "counter");
}

TEST(ProcessStat, IsReadWhateverTheProcessIsCalled) {
  const auto stat = parse_stat("42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 7 18 900 4096 12 99");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->cpu_ticks, 200);
  EXPECT_EQ(stat->threads, 7);
  EXPECT_EQ(stat->start_ticks, 900);
  EXPECT_EQ(stat->virtual_bytes, 4096);
  EXPECT_EQ(stat->resident_pages, 12);
  EXPECT_FALSE(parse_stat(""));
  EXPECT_FALSE(parse_stat("42 (x) S 1 2"));
  EXPECT_FALSE(parse_stat("42 (x) S 1 2 x 4 5 6 7 8 9 10 150 50 13 14 15 16 7 18 900 4096 12"));
}

}  // namespace
}  // namespace forebay::telemetry
