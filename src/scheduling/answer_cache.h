// Answers of one version of a tensor model, by their questions: least recently used ones leave when the bytes are used up, and whatever is
// older than the time to live. A hit needs the question byte for byte, not only by hash. Memory: CacheMemory's policy.
// Threads: shared. Owner: SharingTensorRunner.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "base/lru.h"
#include "base/synchronized.h"
#include "scheduling/answer_cache_stats.h"
#include "scheduling/cache_memory.h"
#include "scheduling/runners.h"
#include "scheduling/tensor_question.h"

namespace forebay::scheduling {

class AnswerCache {
 public:
  AnswerCache(const AnswerCacheOptions& options, const RunnerContext& context);

  // `hash` is hash_of(question). Nothing when there is none, or none that is young enough.
  std::optional<TensorAnswer> find(std::size_t hash, const TensorQuestion& question);
  // Copies both. Not kept when it is too large alone, or the process's budget has no room even after older ones have left.
  void insert(std::size_t hash, const TensorQuestion& question, const tensors::NamedTensors& outputs);
  // Returns how many answers were dropped.
  std::size_t clear();
  // hits, misses, evictions, entries, bytes.
  void report(AnswerCacheStats& stats) const;

 private:
  struct Entry {
    TensorQuestion question;
    tensors::NamedTensors outputs;
    Instant made;
    ByteBudget::Reservation memory;
  };
  using Entries = Lru<std::size_t, std::shared_ptr<const Entry>>;

  ByteBudget::Reservation reserve(std::size_t bytes);
  void shrink_to(std::size_t bytes_max);

  const AnswerCacheOptions options_;
  const Clock& clock_;
  Synchronized<Entries> entries_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
  const CacheMemory memory_;  // last: it calls shrink_to()
};

}  // namespace forebay::scheduling
