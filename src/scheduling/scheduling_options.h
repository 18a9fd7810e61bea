// The room's settings; every queue and step has its maximum here. cli composes them into the configuration tree.
#pragma once

#include <chrono>
#include <cstdint>

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

struct GenerationOptions {
  AdmissionOptions admission;
  std::uint32_t workers = 1;
  std::uint32_t sequences_max = 8;   // generated at the same time by one worker
  std::uint32_t context_tokens = 0;  // KV cells of one worker; 0: from the file
  std::uint32_t step_tokens_max = 512;
  std::uint32_t prompt_chunk_tokens = 64;   // prompt tokens a step while somebody is decoding
  std::uint32_t idle_cells_max = 0;         // KV cells that finished texts keep, beside the last one to finish
  std::uint32_t tokens_default = 0;         // max_tokens of requests that do not say; 0: what the context leaves
  std::uint32_t channel_events_max = 4096;  // unread token events of one request
  bool unified_cells = true;
  std::uint32_t threads = 0;  // of one worker; 0: cores / workers
};

struct TensorOptions {
  AdmissionOptions admission;
  std::uint32_t workers = 0;  // 0: one a core
  std::uint32_t batch_rows_max = 64;
  std::chrono::microseconds queue_delay_max{0};  // how long to wait for a fuller batch
};

struct EmbeddingOptions {
  AdmissionOptions admission;
  std::uint32_t batch_tokens_max = 2048;
  std::uint32_t batch_texts_max = 64;
  std::uint32_t request_texts_max = 2048;
  std::uint32_t threads = 0;
};

// kSchedulingOptionInvalid names the setting and its range.
Result<> check(const AdmissionOptions& options);
Result<> check(const GenerationOptions& options);
Result<> check(const TensorOptions& options);
Result<> check(const EmbeddingOptions& options);

}  // namespace forebay::scheduling
