#include "telemetry/serving_metrics.h"

#include <map>

#include "base/synchronized.h"

namespace forebay::telemetry {

namespace {
// From a fifth of a millisecond, a small tensor model, to minutes, a long text.
const std::vector<double> kSeconds = {0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};
const std::vector<double> kRows = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
}  // namespace

struct ServingMetrics::State {
  explicit State(Metrics& all) : metrics(all) {}
  Metrics& metrics;
  // Node-based maps: references stay valid.
  Synchronized<std::map<std::string, ModelMetrics, std::less<>>> models;
  Synchronized<std::map<std::string, RouteMetrics, std::less<>>> routes;
};

ServingMetrics::ServingMetrics(Metrics& metrics) : state_(std::make_unique<State>(metrics)) {
  in_flight = metrics.gauge("forebay_requests_in_flight", "HTTP requests being answered.");
  budget_bytes_held = metrics.gauge("forebay_memory_budget_bytes_held", "Bytes of the memory budget that are reserved.");
  budget_bytes_max = metrics.gauge("forebay_memory_budget_bytes_max", "The memory budget.");
  models_loaded = metrics.gauge("forebay_models_loaded", "Model versions that answer.");
}
ServingMetrics::~ServingMetrics() = default;

ModelMetrics& ServingMetrics::for_model(const std::string& model) {
  auto models = state_->models.lock();
  const auto [entry, is_new] = models->try_emplace(model);
  if (is_new) {
    Metrics& all = state_->metrics;
    const Labels labels = {{"model", model}};
    entry->second = {
        .queue_seconds = all.histogram("forebay_queue_seconds", "Time a request waited for its engine.", kSeconds, labels),
        .inference_seconds = all.histogram("forebay_inference_seconds", "Time of one engine run or step.", kSeconds, labels),
        .time_to_first_token_seconds = all.histogram("forebay_time_to_first_token_seconds", "From submission to the first token.", kSeconds, labels),
        .inter_token_seconds = all.histogram("forebay_inter_token_seconds", "Between two tokens of one sequence.", kSeconds, labels),
        .batch_size = all.histogram("forebay_batch_size", "Rows of a tensor run, sequences of a step, texts of an embedding run.", kRows, labels),
        .prompt_tokens = all.counter("forebay_prompt_tokens_total", "Prompt tokens of accepted requests.", labels),
        .cached_prompt_tokens = all.counter("forebay_cached_prompt_tokens_total", "Prompt tokens that were not computed again.", labels),
        .generated_tokens = all.counter("forebay_generated_tokens_total", "Tokens generated.", labels),
        .refused = all.counter("forebay_requests_refused_total", "Requests refused by admission.", labels),
        .queued = all.gauge("forebay_queue_requests", "Requests waiting for an engine.", labels),
        .running = all.gauge("forebay_running_requests", "Requests an engine is working on.", labels),
        .cells_used = all.gauge("forebay_kv_cells_used", "KV cells that hold a token.", labels),
        .cells_max = all.gauge("forebay_kv_cells_max", "KV cells there are.", labels),
    };
  }
  return entry->second;
}

RouteMetrics& ServingMetrics::for_route(const std::string& route) {
  auto routes = state_->routes.lock();
  const auto [entry, is_new] = routes->try_emplace(route);
  if (is_new) {
    entry->second.request_seconds =
        state_->metrics.histogram("forebay_request_seconds", "From the request's first byte to the end of its answer.", kSeconds, {{"route", route}});
  }
  return entry->second;
}

void ServingMetrics::count_request(const std::string& route, int status, double seconds) {
  state_->metrics.counter("forebay_requests_total", "HTTP requests answered.", {{"route", route}, {"status", std::to_string(status)}}).increment();
  for_route(route).request_seconds.observe(seconds);
}

void ServingMetrics::count_error(const std::string& code) {
  state_->metrics.counter("forebay_errors_total", "Errors answered, by code.", {{"code", code}}).increment();
}

}  // namespace forebay::telemetry
