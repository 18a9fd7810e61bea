// The wire: every protocol, on one port. Translates requests into native types and responses back; it never sees an engine.
// Threads: create() and run() on the main thread, drain() and stop() on any; handlers run on the loops' threads. Several servers may run in
// one process. Owner: cli::serve.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "accounts/authenticator.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/memory_pressure.h"
#include "base/result.h"
#include "http/http_options.h"
#include "models/catalog.h"
#include "telemetry/metrics.h"
#include "telemetry/serving_metrics.h"

namespace forebay::http {

// Everything the handlers use; outlives the server.
struct ServerContext {
  models::Catalog* catalog = nullptr;
  const accounts::Authenticator* authenticator = nullptr;
  telemetry::Metrics* metrics = nullptr;
  telemetry::ServingMetrics* serving_metrics = nullptr;
  Executor* request_pool = nullptr;  // templates, tokenizing, decoding images
  const ByteBudget* budget = nullptr;
  const PressureGauge* pressure = nullptr;  // null: never any
  const Clock* clock = nullptr;
  std::string version;  // of the program
};

class Server {
 public:
  // Listens at once, so that a busy port is reported here. kBadAddress, kPortInUse, kPortNotAllowed, kCertificate.
  static Result<std::unique_ptr<Server>> create(const HttpOptions& options, const ServerContext& context);
  ~Server();
  // Accepts connections and serves until stop(); blocks. `listening` is called once the port answers, with the port.
  Result<> run(const std::function<void(std::uint16_t)>& listening);
  // Readiness off, no new work; waits until requests in flight have ended or `longest` has passed.
  void drain(std::chrono::milliseconds longest);
  // Cancels what is left and makes run() return. As often as one likes, also before and after run().
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace forebay::http
