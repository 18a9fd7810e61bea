// `forebay serve`: makes every part, in order, and takes them down again. The one place that names concrete classes.
// Threads: called on the main thread; returns after the last request has been answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "accounts/accounts_options.h"
#include "base/memory_pressure.h"
#include "base/result.h"
#include "http/http_options.h"
#include "models/models_options.h"
#include "models/repository.h"

namespace forebay::cli {

struct ServeOptions {
  http::HttpOptions http;
  accounts::AccountsOptions accounts;
  models::ModelsOptions models;
  std::uint64_t memory_budget_bytes = 0;  // 0: 80 % of what the machine allows
  PressureOptions memory_pressure;
  std::chrono::milliseconds drain_timeout{30'000};
  std::chrono::milliseconds stop_timeout{10'000};
  std::uint32_t background_threads = 2;  // loads
  std::uint32_t request_threads = 2;     // templates, tokenizing, decoding images
  std::vector<models::ModelSource> sources;
};

// What happens while serving, for the one who shows it.
struct ServeEvents {
  std::function<void(std::uint16_t port)> listening;  // the port answers; models may still load
  std::function<void(bool all_ready)> settled;        // every load has ended
};

// SIGTERM, SIGINT and SIGHUP (unless it is ignored, as under nohup) drain and end it with success; a second one cancels what is left, a
// third one ends the process at once. When taking down does not end within the timeouts, the process ends with the status of
// kShutdownForced.
Result<> serve(const ServeOptions& options, const ServeEvents& events);

}  // namespace forebay::cli
