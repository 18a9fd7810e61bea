// Keeps vectors of texts that were embedded before, and computes texts that are in flight twice only once: an EmbeddingRunner around
// another. Threads: shared. Owner: models::ServedModel, as the runner it wraps.
#pragma once

#include <memory>

#include "scheduling/runners.h"

namespace forebay::scheduling {

// `cache_bytes_max` 0 keeps nothing: texts in flight are still computed once. Memory: CacheMemory's policy.
std::unique_ptr<EmbeddingRunner> with_embedding_cache(std::unique_ptr<EmbeddingRunner> runner, std::uint64_t cache_bytes_max,
                                                      const RunnerContext& context);

}  // namespace forebay::scheduling
