// The room's settings; every queue and step has its maximum here. cli composes them into the configuration tree.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace forebay::scheduling {

// Admission is the same in front of every runner.
struct AdmissionOptions {
  std::uint32_t queue_requests_max = 256;            // refused beyond, at once
  double high_watermark = 1.0;                       // share of queue_requests_max at which refusing starts
  double low_watermark = 0.75;                       // … and at which accepting starts again
  std::chrono::milliseconds ageing_step{5'000};      // waiting this long raises a request by one priority
  std::chrono::milliseconds queue_wait_max{60'000};  // for requests without a deadline of their own
};

// When a model that keeps failing is left alone for a while (CircuitBreaker).
struct BreakerOptions {
  double failure_share = 0.5;       // of the requests that ended within the window
  std::uint32_t requests_min = 20;  // that must have ended within it
  std::chrono::milliseconds window{10'000};
  std::chrono::milliseconds open_for{5'000};
  std::uint32_t probes_max = 3;  // requests that find out whether it works again
};

// How much may be done twice (RetryBudget).
struct RetryOptions {
  double request_share = 0.1;      // retries for each request
  double per_second_min = 1;       // retries that are allowed besides
  double burst_max = 20;           // retries that may have been saved up
  std::uint32_t attempts_max = 3;  // workers that one request may be given to
};

// When a worker is taken out of rotation, and how it comes back (WorkerHealth).
struct HealthOptions {
  std::uint32_t failures_in_a_row_max = 3;  // of different requests, without a step between them that worked
  std::chrono::milliseconds restart_delay_min{100};
  std::chrono::milliseconds restart_delay_max{30'000};
  std::uint32_t probation_steps = 8;  // that must work after a restart
  std::chrono::milliseconds step_stalled_after{60'000};
};

// What finished texts leave behind for those that continue them or begin alike.
struct PrefixCacheOptions {
  std::uint32_t idle_cells_max = 0;                       // KV cells of a pool that they keep, beside the last one to finish
  std::uint64_t ram_bytes_max = std::uint64_t{2} << 30;   // of saved states, within the process's byte budget; 0: none
  std::string disk_path;                                  // folder for states that leave RAM, found again after a restart; empty: none
  std::uint64_t disk_bytes_max = std::uint64_t{8} << 30;  // of one model's part of that folder
};

struct GenerationOptions {
  AdmissionOptions admission;
  BreakerOptions breaker;
  RetryOptions retry;
  HealthOptions health;
  std::uint32_t workers = 1;
  std::uint32_t workers_max = 8;                    // that may be asked for while serving
  std::string strategy = "least_loaded";            // which worker gets a request: round_robin, least_loaded, memory_aware, prefix_affinity
  std::chrono::milliseconds drain_timeout{30'000};  // after which a worker that leaves hands its texts to others
  std::uint32_t dead_letters_max = 100;             // of the requests that could not be served
  std::uint32_t sequences_max = 8;                  // generated at the same time by one worker
  std::uint32_t context_tokens = 0;                 // KV cells of one worker; 0: from the file
  std::uint32_t step_tokens_max = 512;
  std::chrono::milliseconds inter_token_max{250};  // how long a step may take while somebody is decoding; 0: any time
  std::uint32_t prompt_chunk_tokens_min = 64;      // prompt tokens that every such step takes all the same
  std::uint32_t tokens_default = 0;                // max_tokens of requests that do not say; 0: what the context leaves
  std::uint32_t channel_events_max = 4096;         // unread token events of one request
  std::string cells = "auto";  // "unified": one pool for all; "separate": a part for each; "auto": by what fits into memory
  std::uint32_t threads = 0;   // of one worker; 0: cores / workers
  PrefixCacheOptions cache;
};

// Which answers of tensor models are kept for identical requests. Off by default: a model may draw random numbers, and the memory is better
// used elsewhere unless requests repeat.
struct AnswerCacheOptions {
  std::vector<std::string> models;                     // names; "*" is all
  std::uint64_t bytes_max = std::uint64_t{256} << 20;  // of one model, within the process's byte budget
  std::uint32_t entries_max = 100'000;
  std::chrono::milliseconds ttl{0};  // 0: until it is needed for newer ones
};

struct TensorOptions {
  AdmissionOptions admission;
  BreakerOptions breaker;
  AnswerCacheOptions cache;
  bool single_flight = true;  // identical requests in flight are computed once
  std::uint32_t dead_letters_max = 100;
  std::uint32_t workers = 0;  // 0: one a core
  std::uint32_t batch_rows_max = 64;
  std::chrono::microseconds queue_delay_max{0};            // how long to wait for a fuller batch
  bool pads_lengths = true;                                // whether different lengths are joined where the model has an attention mask
  std::chrono::microseconds helping_max{500};              // how long a thread that brings requests may run them itself; 0: never
  std::chrono::milliseconds run_time_max{30'000};          // of one run; its requests fail then
  std::uint64_t run_bytes_max = std::uint64_t{768} << 20;  // of one run, beyond the weights
};

struct EmbeddingOptions {
  AdmissionOptions admission;
  BreakerOptions breaker;
  std::uint32_t dead_letters_max = 100;
  std::uint32_t batch_tokens_max = 2048;
  std::uint32_t batch_texts_max = 64;
  std::uint32_t request_texts_max = 2048;
  std::uint32_t threads = 0;
  std::uint64_t cache_bytes_max = std::uint64_t{32} << 20;  // of vectors that are kept; 0: none
  bool translate = true;                                    // GGUF encoders run in ONNX Runtime where they can
  bool int8 = false;                                        // … with int8 weights
};

// kSchedulingOptionInvalid names the setting and its range.
Result<> check(const AdmissionOptions& options);
Result<> check(const BreakerOptions& options);
Result<> check(const RetryOptions& options);
Result<> check(const HealthOptions& options);
Result<> check(const GenerationOptions& options);
Result<> check(const TensorOptions& options);
Result<> check(const EmbeddingOptions& options);

}  // namespace forebay::scheduling
