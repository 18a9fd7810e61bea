#include "telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <set>
#include <variant>

#include "base/synchronized.h"
#include "telemetry/percentiles.h"
#include "telemetry/self_metrics.h"

namespace forebay::telemetry {

namespace {

using Families = std::variant<prometheus::Family<prometheus::Counter>*, prometheus::Family<prometheus::Gauge>*,
                              prometheus::Family<prometheus::Histogram>*>;
struct Known {
  Families family;
  std::set<Labels> members;
};

// A value comes from outside: what is no printable ASCII would break the line or the encoding of the whole answer.
std::string printable(std::string_view value) {
  constexpr std::size_t kValueBytesMax = 128;
  std::string text(value.substr(0, kValueBytesMax));
  std::ranges::replace_if(text, [](char c) { return c < 0x20 || c > 0x7e; }, '_');
  return text;
}

// The labels under which the member is counted: beyond the limit, all values are "other".
Labels admit(Known& known, const Labels& wanted, std::size_t label_sets_max) {
  Labels labels = wanted;
  for (auto& label : labels) label.second = printable(label.second);
  if (known.members.contains(labels)) return labels;
  if (known.members.size() >= label_sets_max && !labels.empty()) {
    for (auto& label : labels) label.second = "other";
  }
  known.members.insert(labels);
  return labels;
}

prometheus::MetricFamily single_value(std::string name, std::string help, prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  metric.counter.value = value;
  metric.gauge.value = value;
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  family.metric.push_back(std::move(metric));
  return family;
}

// The names every Prometheus client library uses for its process.
void append_process(std::vector<prometheus::MetricFamily>& families) {
  const auto use = process_use();
  if (!use) return;
  const auto add = [&](const char* name, const char* help, prometheus::MetricType type, double value) {
    families.push_back(single_value(name, help, type, value));
  };
  using enum prometheus::MetricType;
  add("process_cpu_seconds_total", "User and system CPU time spent", Counter, use->cpu_seconds);
  add("process_resident_memory_bytes", "Resident memory", Gauge, use->resident_bytes);
  add("process_virtual_memory_bytes", "Virtual memory", Gauge, use->virtual_bytes);
  add("process_threads", "Threads", Gauge, use->threads);
  add("process_open_fds", "Open file descriptors", Gauge, use->open_fds);
  add("process_max_fds", "Most open file descriptors allowed", Gauge, use->max_fds);
  add("process_start_time_seconds", "Start of the process since 1970", Gauge, use->start_time_seconds);
}

}  // namespace

void Counter::increment(double by) const {
  if (counter_ != nullptr) counter_->Increment(by);
}
void Counter::advance_to(double total) const {
  if (counter_ == nullptr) return;
  if (const double missing = total - counter_->Value(); missing > 0) counter_->Increment(missing);
}
void Gauge::set(double value) const {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::add(double by) const {
  if (gauge_ != nullptr) gauge_->Increment(by);
}
void Histogram::observe(double value) const {
  if (histogram_ != nullptr) histogram_->Observe(value);
  if (recent_ != nullptr) recent_->record(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(value)));
}

struct Metrics::State {
  // Finds or makes the member of `name` with these labels. Nothing when the name is taken by another kind, which is our bug.
  template <class Metric, class... Extra>
  Metric* member(std::string_view name, std::string_view help, const Labels& labels, const Extra&... extra) {
    auto known = families.lock();
    auto found = known->find(name);
    if (found == known->end()) {
      auto& family = prometheus::detail::Builder<Metric>().Name(std::string(name)).Help(std::string(help)).Register(registry);
      found = known->emplace(std::string(name), Known{&family, {}}).first;
    }
    auto* const* family = std::get_if<prometheus::Family<Metric>*>(&found->second.family);
    assert(family != nullptr);
    if (family == nullptr) return nullptr;
    const Labels admitted = admit(found->second, labels, options.label_sets_max);
    return &(*family)->Add({admitted.begin(), admitted.end()}, extra...);
  }

  MetricsOptions options;
  prometheus::Registry registry;
  Synchronized<std::map<std::string, Known, std::less<>>> families;
};

Metrics::Metrics(MetricsOptions options) : state_(std::make_unique<State>()) { state_->options = options; }
Metrics::~Metrics() = default;

Counter Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  Counter handle;
  handle.counter_ = state_->member<prometheus::Counter>(name, help, labels);
  return handle;
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  Gauge handle;
  handle.gauge_ = state_->member<prometheus::Gauge>(name, help, labels);
  return handle;
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, const Labels& labels) {
  Histogram handle;
  handle.histogram_ = state_->member<prometheus::Histogram>(name, help, labels, bounds);
  return handle;
}

std::string Metrics::render() const {
  auto families = state_->registry.Collect();
  append_process(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace forebay::telemetry
