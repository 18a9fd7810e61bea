// The wire: every protocol, on one port. Translates requests into native types and answers back; it never sees an engine.
// Threads: start() and the rest from the main thread; handlers run on Drogon's loop threads. One per program run (Drogon's application is a
// singleton). Owner: cli::serve.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "accounts/gatekeeper.h"
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
  const accounts::Gatekeeper* gatekeeper = nullptr;
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
  // Checks host and port before the library does, which would end the process. kBadAddress, kPortInUse.
  static Result<std::unique_ptr<Server>> create(const HttpOptions& options, const ServerContext& context);
  ~Server();
  // Listens and serves on the calling thread until stop(). `listening` is called once the port answers, with the port.
  Result<> run(const std::function<void(std::uint16_t)>& listening);
  // Readiness off, no new work; waits until requests in flight have ended or `longest` has passed. From another thread than run()'s.
  void drain(std::chrono::milliseconds longest);
  // Cancels what is left and makes run() return. From any thread, as often as one likes, also after run() has returned.
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace forebay::http
