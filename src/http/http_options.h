// The room's settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace forebay::http {

struct HttpOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;       // 0: any free one
  std::uint32_t loop_threads = 0;  // 0: one a core, at most 16
  std::uint64_t body_bytes_max = 64ULL << 20;
  std::uint64_t bodies_bytes_max =
      0;  // of all requests in flight, 503 beyond; 0: an eighth of the memory, at most 1 GiB, room for one body
  std::uint32_t header_bytes_max = 64 << 10;
  std::uint32_t json_depth_max = 64;
  std::uint32_t concurrent_requests_max = 1024;  // in flight; 503 with Retry-After beyond
  std::uint32_t connections_max = 4096;
  std::chrono::milliseconds request_timeout{300'000};     // for the request to arrive, and then for its answer; 504 beyond
  std::chrono::milliseconds idle_timeout{60'000};         // of a connection without a request
  std::chrono::milliseconds body_idle_timeout{30'000};    // 408 when no byte of a body comes for so long
  std::chrono::milliseconds keep_alive_interval{15'000};  // comments on silent streams, also before their first event; 0: none
  std::uint64_t stream_unsent_bytes_max = 1 << 20;        // a reader this far behind is dropped
  std::uint32_t batch_items_max = 1024;                   // of /predict/batch, and prompts of one completion request
  std::uint64_t batch_answer_bytes_max = 256ULL << 20;    // of /predict/batch: an item beyond fails alone
  std::uint64_t image_bytes_max = 32ULL << 20;            // of one picture, as a file
  std::uint64_t image_pixels_max = 32ULL << 20;           // width times height, seen before anything is decoded
  std::uint32_t image_side_max = 16'384;
  std::uint32_t choices_max = 16;          // n
  std::vector<std::string> cors_origins;   // empty: none; "*": any
  std::vector<std::string> allowed_hosts;  // names in Host; empty: addresses, loopback and machine names, with keys any; "*": any
  std::string tls_certificate;             // PEM files; both or none
  std::string tls_key;
};

}  // namespace forebay::http
