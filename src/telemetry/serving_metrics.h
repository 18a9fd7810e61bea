// The metrics of serving, by their conventional names: looked up once, cheap afterwards.
// Threads: shared. Owner: cli::serve.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "telemetry/metrics.h"
#include "telemetry/percentiles.h"

namespace forebay::telemetry {

// The last minute of one model.
struct RecentLatencies {
  LatencySummary queue;
  LatencySummary inference;
  LatencySummary time_to_first_token;
  LatencySummary inter_token;
  LatencySummary request;  // of answers with status 200
};

// What one model counts (label `model`), and what each of its versions has now (labels `model` and `version`), which versions would
// overwrite. Default-made: counts nothing.
struct ModelMetrics {
  Histogram queue_seconds;
  Histogram inference_seconds;  // one engine run or step
  Histogram time_to_first_token_seconds;
  Histogram inter_token_seconds;
  Histogram batch_size;  // rows of a tensor run, sequences of a step, texts of an embedding run
  Counter prompt_tokens;
  Counter cached_prompt_tokens;
  Counter generated_tokens;
  Counter refused;
  Histogram request_seconds;
  // Of one version.
  Gauge queued;
  Gauge running;
  Gauge cells_used;
  Gauge cells_max;

  // Nothing when there was no clock to know the last minute by.
  std::optional<RecentLatencies> recent() const;
  struct Recent;
  std::shared_ptr<Recent> recent_state;
};

// What one route counts (label `route`).
struct RouteMetrics {
  Histogram request_seconds;
};

struct ServingMetricsOptions {
  std::size_t names_max = 1'000;  // models, versions and routes; what comes beyond them shares the member "other"
  const Clock* clock = nullptr;   // of the percentiles; null: there are none. Outlives the metrics.
};

class ServingMetrics {
 public:
  explicit ServingMetrics(Metrics& metrics, ServingMetricsOptions options = {});
  ~ServingMetrics();
  // Stable for the life of this object. for_model() has no gauges.
  ModelMetrics& for_model(const std::string& model);
  ModelMetrics& for_version(const std::string& model, const std::string& version);
  RouteMetrics& for_route(const std::string& route);
  // forebay_requests_total{route, status} and the route's request_seconds; forebay_errors_total{code}.
  void count_request(const std::string& route, int status, double seconds);
  void count_error(const std::string& code);
  // forebay_refused_total{reason}: what would have been served at a better time, by the name of its error.
  void count_refused(const std::string& reason);
  // forebay_build_info{version}.
  void note_build(const std::string& version);
  Gauge in_flight;
  Gauge budget_bytes_held;
  Gauge budget_bytes_max;
  Gauge models_loaded;
  Gauge memory_pressure;  // 0 normal, 1 elevated, 2 critical
  Gauge memory_used_bytes;
  Gauge memory_limit_bytes;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace forebay::telemetry
