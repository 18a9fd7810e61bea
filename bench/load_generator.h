// Sends HTTP requests over many kept-alive connections from one thread and times every answer, streams included.
// Threads: confined to the caller. Owner: the caller.
// Not here: TLS, redirects, names other than IPv4 addresses and localhost.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace forebay::load {

struct LoadOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string path = "/";
  std::vector<std::string> headers;       // "Content-Type: application/json"
  std::vector<std::string> bodies;        // sent in turn; an empty list sends GET
  std::uint32_t concurrency = 1;          // connections, each with one request in flight
  std::uint64_t requests = 0;             // stop after so many; 0: by time only
  std::chrono::milliseconds duration{0};  // stop starting requests after this; 0: by count only
  std::chrono::milliseconds answer_timeout{120'000};
};

struct Percentiles {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double max = 0;
  double mean = 0;
  std::uint64_t count = 0;
};

// Times in milliseconds.
struct LoadReport {
  std::uint64_t requests = 0;  // answered
  std::uint64_t failed = 0;    // closed, timed out, unparsable
  std::map<int, std::uint64_t> by_status;
  std::map<int, Percentiles> latency_by_status;
  double seconds = 0;  // from the first request to the last answer
  double requests_per_second = 0;
  Percentiles latency;
  Percentiles first_event;             // streams: request sent to first event
  Percentiles gap;                     // streams: between events that arrived apart
  std::uint64_t generated_tokens = 0;  // the answers' own "completion_tokens", summed
  double generated_tokens_per_second = 0;
  std::uint64_t bytes_received = 0;
};

Result<LoadReport> run_load(const LoadOptions& options);
std::string to_json(const LoadReport& report);

}  // namespace forebay::load
