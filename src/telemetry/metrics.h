// Counts and times what happens and renders it for Prometheus.
// Threads: shared. Owner: cli::serve; handles must not outlive it. A default-made handle counts nothing, which is what tests use.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace forebay::telemetry {

class Percentiles;

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void increment(double by = 1) const;
  // For a total that is counted elsewhere: raises the counter to it, never lowers it. Requires: one caller at a time.
  void advance_to(double total) const;

 private:
  friend class Metrics;
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double by) const;

 private:
  friend class Metrics;
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  void observe(double value) const;
  // From now on every value, in seconds, goes there too.
  void also_to(Percentiles& recent) { recent_ = &recent; }

 private:
  friend class Metrics;
  prometheus::Histogram* histogram_ = nullptr;
  Percentiles* recent_ = nullptr;
};

struct MetricsOptions {
  std::size_t label_sets_max = 1'000;  // of one metric; beyond it every new value becomes "other"
};

class Metrics {
 public:
  explicit Metrics(MetricsOptions options = {});
  ~Metrics();
  // The same name and labels give the same member. `help` is taken from the first call.
  Counter counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, const Labels& labels = {});
  // Prometheus text format 0.0.4, with the process's own memory, CPU time, threads and open files.
  std::string render() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::telemetry
