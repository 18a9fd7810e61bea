// What runs one served model: a queue with admission in front, engine threads behind. One of the three kinds, by the model's task.
// Thread safety: shared. A completion runs on the thread that ended the request: an engine thread, the queue's watch, the thread that calls
// help(), or the submitter. It must not block or throw.
// Owner: models::ServedModel; the destructor cancels what is queued and running, joins its threads, and every request has been answered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/memory_pressure.h"
#include "base/processors.h"
#include "base/result.h"
#include "engines/engine.h"
#include "scheduling/answer_cache_stats.h"
#include "scheduling/dead_letters.h"
#include "scheduling/prefix_cache_stats.h"
#include "scheduling/request.h"
#include "scheduling/scheduling_options.h"
#include "scheduling/token_channel.h"
#include "scheduling/worker_listing.h"
#include "telemetry/serving_metrics.h"

namespace forebay::scheduling {

// A low-rank adapter (LoRA) that requests may name.
struct AdapterSource {
  std::string name;
  std::string path;
  float scale = 1;
};

// Dependencies of a runner. The objects pointed to must outlive it.
struct RunnerContext {
  const Clock* clock = nullptr;
  telemetry::ModelMetrics* metrics = nullptr;
  ByteBudget* budget = nullptr;
  const PressureGauge* pressure = nullptr;  // null: never any
  std::string model = {};                   // its name, for people
  std::string version = {};
  Digest model_digest = {};  // of its file, where states are kept on disk
  std::vector<AdapterSource> adapters = {};
  bool shares_caches = false;  // requests of every cache scope share what is cached
  Processors processors = {};  // that workers stay on; empty: those of the thread that starts them
};

// What the caches of a model with this context go by.
inline CacheScope scope_of(const Ticket& ticket, const RunnerContext& context) { return context.shares_caches ? 0 : ticket.cache_scope; }

struct EmbeddingCacheStats {
  std::uint64_t hits = 0;    // texts whose vector was kept
  std::uint64_t misses = 0;  // … that were computed
  std::uint64_t joined = 0;  // … that another request was computing
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t evictions = 0;
};

struct RunnerStats {
  std::uint32_t queued = 0;
  std::uint32_t running = 0;  // sequences, or requests in a batch
  std::uint32_t workers = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t finished = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t steps = 0;  // engine calls
  std::uint64_t rows = 0;   // tokens or tensor rows in them
  std::uint32_t cells_used = 0;
  std::uint32_t cells_max = 0;
  std::uint64_t session_bytes = 0;      // of a generation model: reserved in the budget for its workers' sessions
  bool accepting = true;                // false between the high and the low watermark
  std::string_view breaker = "closed";  // or open, half_open
  std::uint64_t breaker_openings = 0;
  std::uint64_t dead_letters = 0;          // accepted and not served, ever
  std::uint64_t restarts = 0;              // of workers
  std::uint64_t retries = 0;               // requests that went on with another worker
  std::uint64_t preempted = 0;             // times a text gave its cells to others for a while
  std::vector<WorkerListing> worker_list;  // of a generation model
  PrefixCacheStats prefix_cache;           // of a generation model, all workers together
  AnswerCacheStats answers;                // of a tensor model
  EmbeddingCacheStats embedding_cache;     // of an embedding model
};

class GenerationRunner {
 public:
  static Result<std::unique_ptr<GenerationRunner>> open(std::shared_ptr<engines::LoadedModel> model, const GenerationOptions& options,
                                                        RunnerContext context);
  virtual ~GenerationRunner() = default;
  // Refused at once with kOverloaded (Retry-After), kPromptTooLong, kBadSampling, kShuttingDown; else every event comes through the
  // channel.
  virtual Result<std::shared_ptr<TokenChannel>> submit(GenerationRequest request) = 0;
  virtual const engines::GenerationSessionInfo& session_info() const = 0;
  // The most requests that can wait at once: more in one go are refused with kOverloaded however often they come.
  virtual std::size_t queue_requests_max() const = 0;
  virtual RunnerStats stats() const = 0;
  virtual std::vector<DeadLetter> dead_letters() const = 0;  // newest first

  // Which worker gets a request: round_robin, least_loaded, memory_aware, prefix_affinity. kSchedulingOptionInvalid for another name.
  virtual std::string_view strategy() const = 0;
  virtual Result<> set_strategy(std::string_view name) = 0;
  // From 1 to workers_max, else kSchedulingOptionInvalid; kBudgetExhausted when there is no memory for more. New ones open in the
  // background; those that leave finish what they run (drain_timeout) and take nothing new.
  virtual Result<> set_workers(std::uint32_t count) = 0;
  virtual std::vector<WorkerListing> workers() const = 0;
  // Requests submitted from now on find nothing of what was computed before, in any tier. Returns how many texts are dropped.
  virtual std::size_t clear_cache() = 0;
};

class TensorRunner {
 public:
  using Done = std::move_only_function<void(Result<TensorAnswer>)>;
  static Result<std::unique_ptr<TensorRunner>> open(std::shared_ptr<engines::LoadedModel> model, const TensorOptions& options,
                                                    const RunnerContext& context);
  virtual ~TensorRunner() = default;
  // `done` is called exactly once, also for refusals after queueing, and perhaps before submit returns; not when submit itself fails.
  virtual Result<> submit(TensorRequest request, Done done) = 0;
  virtual RunnerStats stats() const = 0;
  virtual std::vector<DeadLetter> dead_letters() const = 0;
  // For a thread that has just submitted with will_help: runs what waits, right here, as far as that takes no longer than
  // TensorOptions::helping_max, which saves two changes of threads; wakes workers for the rest.
  virtual void help() = 0;
  // Forgets every kept answer; returns how many there were.
  virtual std::size_t clear_cache() = 0;
};

class EmbeddingRunner {
 public:
  using Done = std::move_only_function<void(Result<EmbeddingAnswer>)>;
  static Result<std::unique_ptr<EmbeddingRunner>> open(std::shared_ptr<engines::LoadedModel> model, const EmbeddingOptions& options,
                                                       RunnerContext context);
  virtual ~EmbeddingRunner() = default;
  virtual Result<> submit(EmbeddingRequest request, Done done) = 0;
  virtual std::size_t clear_cache() = 0;  // forgets every kept vector; returns how many there were
  virtual const engines::EmbeddingSessionInfo& session_info() const = 0;
  virtual std::size_t request_texts_max() const = 0;  // texts of one request; kTooManyTexts beyond
  virtual RunnerStats stats() const = 0;
  virtual std::vector<DeadLetter> dead_letters() const = 0;
};

}  // namespace forebay::scheduling
