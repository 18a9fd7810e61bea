// What every request can reach: the server's options, what it was given, its counts.
// Threads: shared. Owner: Server.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/byte_budget.h"
#include "base/gate.h"
#include "base/synchronized.h"
#include "http/caller_check.h"
#include "http/http_options.h"
#include "http/json_body.h"
#include "http/server.h"

namespace forebay::http {

struct ServerParts {
  ServerParts(HttpOptions with, ServerContext of)
      : options(std::move(with)),
        context(std::move(of)),
        callers({.allowed_hosts = options.allowed_hosts,
                 .cors_origins = options.cors_origins,
                 .listen_host = options.host,
                 .has_keys = !context.authenticator->open()}),
        bodies(options.bodies_bytes_max) {}

  const HttpOptions options;
  ServerContext context;
  const CallerCheck callers;
  ByteBudget bodies;  // of requests in flight
  Instant started;
  Gate gate;  // everyone inside is waited for by drain()
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<bool> draining{false};
  Synchronized<bool> scraping{false};  // whoever renders the metrics holds it

  // Every error that is answered, however.
  void count(const Error& error) const {
    context.serving_metrics->count_error(error.code().id());
    if (error.kind() == ErrorKind::kUnavailable || error.kind() == ErrorKind::kRateLimited)
      context.serving_metrics->count_refused(std::string(error.code().name));
  }
  JsonLimits json_limits() const { return {.depth_max = options.json_depth_max}; }
};

}  // namespace forebay::http
