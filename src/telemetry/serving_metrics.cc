#include "telemetry/serving_metrics.h"

#include <map>

#include "base/synchronized.h"

namespace forebay::telemetry {

struct ModelMetrics::Recent {
  explicit Recent(const Clock& clock) : queue(clock), inference(clock), time_to_first_token(clock), inter_token(clock), request(clock) {}
  Percentiles queue;
  Percentiles inference;
  Percentiles time_to_first_token;
  Percentiles inter_token;
  Percentiles request;
};

std::optional<RecentLatencies> ModelMetrics::recent() const {
  if (recent_state == nullptr) return std::nullopt;
  const auto& state = *recent_state;
  return RecentLatencies{state.queue.summary(), state.inference.summary(), state.time_to_first_token.summary(), state.inter_token.summary(),
                         state.request.summary()};
}

namespace {

// From a small model's 0.1 ms to a long answer's minutes.
const std::vector<double>& seconds_bounds() {
  static const std::vector<double> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300};
  return kBounds;
}
const std::vector<double>& batch_bounds() {
  static const std::vector<double> kBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
  return kBounds;
}

void remember(ModelMetrics& model, const Clock& clock) {
  model.recent_state = std::make_shared<ModelMetrics::Recent>(clock);
  auto& recent = *model.recent_state;
  model.queue_seconds.also_to(recent.queue);
  model.inference_seconds.also_to(recent.inference);
  model.time_to_first_token_seconds.also_to(recent.time_to_first_token);
  model.inter_token_seconds.also_to(recent.inter_token);
  model.request_seconds.also_to(recent.request);
}

ModelMetrics make_model(Metrics& metrics, const std::string& model) {
  const Labels labels = {{"model", model}};
  const auto seconds = [&](const char* name, const char* help) { return metrics.histogram(name, help, seconds_bounds(), labels); };
  const auto counter = [&](const char* name, const char* help) { return metrics.counter(name, help, labels); };
  return {
      .queue_seconds = seconds("forebay_queue_seconds", "Time between admission and the first work on a request"),
      .inference_seconds = seconds("forebay_inference_seconds", "Time of one engine run or generation step"),
      .time_to_first_token_seconds = seconds("forebay_time_to_first_token_seconds", "Time between admission and the first token"),
      .inter_token_seconds = seconds("forebay_inter_token_seconds", "Time between two tokens of a text"),
      .batch_size = metrics.histogram("forebay_batch_size", "Rows, sequences or texts that shared one engine run", batch_bounds(), labels),
      .prompt_tokens = counter("forebay_prompt_tokens_total", "Tokens of prompts and of texts to embed"),
      .cached_prompt_tokens = counter("forebay_cached_prompt_tokens_total", "Prompt tokens that a cached prefix paid for"),
      .generated_tokens = counter("forebay_generated_tokens_total", "Tokens that were generated"),
      .refused = counter("forebay_requests_refused_total", "Requests that were refused at admission"),
      .request_seconds = seconds("forebay_model_request_seconds", "Time between the arrival of a request and the end of its answer"),
      .queued = {},
      .running = {},
      .cells_used = {},
      .cells_max = {},
      .recent_state = nullptr};
}

void add_gauges(ModelMetrics& made, Metrics& metrics, const std::string& model, const std::string& version) {
  const Labels labels = {{"model", model}, {"version", version}};
  made.queued = metrics.gauge("forebay_requests_queued", "Requests that wait", labels);
  made.running = metrics.gauge("forebay_requests_running", "Requests or sequences that are being worked on", labels);
  made.cells_used = metrics.gauge("forebay_kv_cells_used", "KV cache cells in use", labels);
  made.cells_max = metrics.gauge("forebay_kv_cells_max", "KV cache cells there are", labels);
}

struct Route {
  RouteMetrics metrics;
  std::map<int, Counter> by_status;
};

// The member of that name, or "other" once there are `names_max`.
template <class Member, class Make>
Member& member_of(std::map<std::string, std::unique_ptr<Member>>& members, const std::string& name, std::size_t names_max, Make make) {
  auto found = members.find(name);
  if (found == members.end()) {
    const std::string known = members.size() >= names_max ? "other" : name;
    found = members.try_emplace(known).first;
    if (found->second == nullptr) found->second = make(known);
  }
  return *found->second;
}

}  // namespace

struct ServingMetrics::State {
  State(Metrics& where, ServingMetricsOptions given) : metrics(where), options(given) {}

  Route& route(std::map<std::string, std::unique_ptr<Route>>& known, const std::string& name) {
    return member_of(known, name, options.names_max, [this](const std::string& label) {
      auto made = std::make_unique<Route>();
      made->metrics.request_seconds = metrics.histogram(
          "forebay_request_seconds", "Time between a request's arrival and the end of its answer", seconds_bounds(), {{"route", label}});
      return made;
    });
  }
  Counter requests(Route& route, const std::string& name, int status) {
    auto [counter, is_new] = route.by_status.try_emplace(status);
    if (is_new) {
      counter->second =
          metrics.counter("forebay_requests_total", "Requests that were answered", {{"route", name}, {"status", std::to_string(status)}});
    }
    return counter->second;
  }

  Metrics& metrics;
  const ServingMetricsOptions options;
  Synchronized<std::map<std::string, std::unique_ptr<ModelMetrics>>> models;
  Synchronized<std::map<std::string, std::unique_ptr<ModelMetrics>>> versions;
  Synchronized<std::map<std::string, std::unique_ptr<Route>>> routes;
};

ServingMetrics::ServingMetrics(Metrics& metrics, ServingMetricsOptions options)
    : in_flight(metrics.gauge("forebay_requests_in_flight", "Requests that are being answered")),
      budget_bytes_held(metrics.gauge("forebay_memory_budget_held_bytes", "Bytes reserved for weights, KV cells and caches")),
      budget_bytes_max(metrics.gauge("forebay_memory_budget_max_bytes", "Bytes that may be reserved")),
      models_loaded(metrics.gauge("forebay_models_loaded", "Model versions in memory")),
      memory_pressure(metrics.gauge("forebay_memory_pressure", "0 normal, 1 elevated: caches shrink, 2 critical: new work is refused")),
      memory_used_bytes(metrics.gauge("forebay_memory_used_bytes", "Memory in use, of the fullest limit this process is under")),
      memory_limit_bytes(metrics.gauge("forebay_memory_limit_bytes", "The fullest memory limit this process is under")),
      state_(std::make_unique<State>(metrics, options)) {}
ServingMetrics::~ServingMetrics() = default;

ModelMetrics& ServingMetrics::for_model(const std::string& model) {
  auto models = state_->models.lock();
  return member_of(*models, model, state_->options.names_max, [this](const std::string& name) {
    auto made = std::make_unique<ModelMetrics>(make_model(state_->metrics, name));
    if (state_->options.clock != nullptr) remember(*made, *state_->options.clock);
    return made;
  });
}

ModelMetrics& ServingMetrics::for_version(const std::string& model, const std::string& version) {
  const std::string key = model + '\n' + version;
  auto versions = state_->versions.lock();
  return member_of(*versions, key, state_->options.names_max, [&](const std::string& known) {
    const bool is_other = known != key;
    auto made = std::make_unique<ModelMetrics>(for_model(is_other ? known : model));
    add_gauges(*made, state_->metrics, is_other ? known : model, is_other ? known : version);
    return made;
  });
}

RouteMetrics& ServingMetrics::for_route(const std::string& route) {
  auto routes = state_->routes.lock();
  return state_->route(*routes, route).metrics;
}

void ServingMetrics::count_request(const std::string& route, int status, double seconds) {
  Histogram duration;
  Counter count;
  {
    auto routes = state_->routes.lock();
    Route& known = state_->route(*routes, route);
    duration = known.metrics.request_seconds;
    count = state_->requests(known, routes->contains(route) ? route : "other", status);
  }
  duration.observe(seconds);
  count.increment();
}

void ServingMetrics::count_error(const std::string& code) {
  state_->metrics.counter("forebay_errors_total", "Errors that were answered, by their code", {{"code", code}}).increment();
}

void ServingMetrics::count_refused(const std::string& reason) {
  state_->metrics
      .counter("forebay_refused_total", "Requests refused because of the moment, not because of what they ask, by reason",
               {{"reason", reason}})
      .increment();
}

void ServingMetrics::note_build(const std::string& version) {
  state_->metrics.gauge("forebay_build_info", "Always 1; the label says which version runs", {{"version", version}}).set(1);
}

}  // namespace forebay::telemetry
