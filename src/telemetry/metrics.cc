#include "telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <sstream>

#include "base/synchronized.h"
#include "telemetry/process_metrics.h"

namespace forebay::telemetry {

void Counter::increment(double by) const {
  if (counter_ != nullptr) static_cast<prometheus::Counter*>(counter_)->Increment(by);
}
void Gauge::set(double value) const {
  if (gauge_ != nullptr) static_cast<prometheus::Gauge*>(gauge_)->Set(value);
}
void Gauge::add(double by) const {
  if (gauge_ != nullptr) static_cast<prometheus::Gauge*>(gauge_)->Increment(by);
}
void Histogram::observe(double value) const {
  if (histogram_ != nullptr) static_cast<prometheus::Histogram*>(histogram_)->Observe(value);
}

struct Metrics::State {
  MetricsOptions options;
  prometheus::Registry registry;
  ProcessMetrics process{registry};
  // Label sets of every name, so that a metric whose labels come from outside cannot grow without end.
  Synchronized<std::map<std::string, std::map<Labels, prometheus::Labels>, std::less<>>> seen;

  prometheus::Labels bounded(std::string_view name, const Labels& labels) {
    auto sets = seen.lock();
    auto& of_name = (*sets)[std::string(name)];
    if (const auto known = of_name.find(labels); known != of_name.end()) return known->second;
    prometheus::Labels chosen;
    const bool full = of_name.size() >= options.label_sets_max;
    for (const auto& [key, value] : labels) chosen[key] = full ? "other" : value;
    if (!full) of_name.emplace(labels, chosen);
    return chosen;
  }
};

Metrics::Metrics(MetricsOptions options) : state_(std::make_unique<State>()) { state_->options = options; }
Metrics::~Metrics() = default;

Counter Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  auto& family = prometheus::BuildCounter().Name(std::string(name)).Help(std::string(help)).Register(state_->registry);
  Counter handle;
  handle.counter_ = &family.Add(state_->bounded(name, labels));
  return handle;
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  auto& family = prometheus::BuildGauge().Name(std::string(name)).Help(std::string(help)).Register(state_->registry);
  Gauge handle;
  handle.gauge_ = &family.Add(state_->bounded(name, labels));
  return handle;
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, const Labels& labels) {
  auto& family = prometheus::BuildHistogram().Name(std::string(name)).Help(std::string(help)).Register(state_->registry);
  Histogram handle;
  handle.histogram_ = &family.Add(state_->bounded(name, labels), prometheus::Histogram::BucketBoundaries(bounds));
  return handle;
}

std::string Metrics::render() const {
  state_->process.refresh();
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, state_->registry.Collect());
  return std::move(out).str();
}

}  // namespace forebay::telemetry
