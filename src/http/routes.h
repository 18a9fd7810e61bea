// Every URL of the server, in one table.
// Threads: immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/policy.h"

namespace forebay::http {

class Exchange;
using ExchangePtr = std::shared_ptr<Exchange>;
using Handler = void (*)(const ExchangePtr&);

// Decides the shape of errors.
enum class Dialect : std::uint8_t { kPlain, kOpenAi, kOip };
// Decides which Content-Type is let in.
enum class Body : std::uint8_t { kNone, kJson, kBytes };

struct Route {
  std::string_view method;
  std::string_view pattern;  // "{}" stands for one segment
  std::string_view name;     // label of its metrics
  Dialect dialect;
  // What accounts::allowed decides about. Actions for health and administration are let in when the server is full: probes must not fail
  // because of load, and that is when changes are needed.
  accounts::Action action;
  Body body;
  Handler handler;
};

std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;         // null: no such URL, or not with this method
  std::vector<std::string> parameters;  // percent-decoded
  std::string allow;                    // "GET, HEAD, OPTIONS" when the URL exists; empty when it does not
  bool malformed = false;               // the path has a broken escape
  Dialect dialect = Dialect::kPlain;    // of errors, also for a URL or method that does not exist
};
// `path` is as the client sent it, without the query; its segments are decoded before they are compared. HEAD is GET.
RouteMatch find_route(std::string_view method, std::string_view path);
// The shape of errors for this request target: its route's, whatever the method, else its prefix's. A query is left out.
Dialect dialect_of(std::string_view target);

}  // namespace forebay::http
