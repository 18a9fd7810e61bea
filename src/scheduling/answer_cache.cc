#include "scheduling/answer_cache.h"

#include <utility>
#include <vector>

namespace forebay::scheduling {

namespace {
constexpr std::size_t kEntryOverhead = 256;  // the lists, the index, the names of outputs
}

AnswerCache::AnswerCache(const AnswerCacheOptions& options, const RunnerContext& context)
    : options_(options),
      clock_(*context.clock),
      entries_(Entries({.bytes_max = options.bytes_max, .entries_max = options.entries_max})),
      memory_(CacheKind::kAnswers, options.bytes_max, context.budget, context.pressure,
              {.bytes = [this] { return entries_.read([](const Entries& now) { return now.bytes(); }); },
               .shrink_to = [this](std::size_t bytes_max) { shrink_to(bytes_max); }}) {}

void AnswerCache::shrink_to(std::size_t bytes_max) {
  std::vector<std::shared_ptr<const Entry>> gone;  // dropped after the lock
  auto entries = entries_.lock();
  while (entries->bytes() > bytes_max) gone.push_back(*entries->pop_oldest());
}

std::optional<TensorAnswer> AnswerCache::find(std::size_t hash, const TensorQuestion& question) {
  std::shared_ptr<const Entry> entry;
  {
    auto entries = entries_.lock();
    if (const auto* found = entries->find(hash)) entry = *found;
    if (entry && options_.ttl.count() > 0 && clock_.now() - entry->made >= options_.ttl) {
      entries->erase(hash);
      entry = nullptr;
    }
  }
  if (!entry || !identical(entry->question, question)) {
    ++misses_;
    return std::nullopt;
  }
  ++hits_;
  return TensorAnswer{.outputs = entry->outputs, .source = AnswerSource::kCache};
}

// The answers themselves are dropped outside the lock.
ByteBudget::Reservation AnswerCache::reserve(std::size_t bytes) {
  while (true) {
    auto reserved = memory_.budget()->reserve(bytes, "a kept answer");
    if (reserved) return *std::move(reserved);
    std::optional<std::shared_ptr<const Entry>> oldest;
    {
      auto entries = entries_.lock();
      oldest = entries->pop_oldest();
    }
    if (!oldest) return {};
  }
}

void AnswerCache::insert(std::size_t hash, const TensorQuestion& question, const tensors::NamedTensors& outputs) {
  const std::size_t bytes = bytes_of(question.inputs) + bytes_of(outputs) + kEntryOverhead;
  if (bytes > memory_.bytes_allowed()) return;
  ByteBudget::Reservation memory;
  if (memory_.budget() != nullptr) {
    memory = reserve(bytes);
    if (memory.bytes() == 0) return;
  }
  auto entry = std::make_shared<const Entry>(
      Entry{{own_copy(question.inputs), question.outputs, question.scope}, own_copy(outputs), clock_.now(), std::move(memory)});
  std::vector<std::shared_ptr<const Entry>> gone;
  auto entries = entries_.lock();
  const std::size_t allowed = memory_.bytes_allowed();
  if (bytes > allowed) return;
  while (entries->bytes() > allowed - bytes) gone.push_back(*entries->pop_oldest());
  entries->insert(hash, std::move(entry), bytes);
}

std::size_t AnswerCache::clear() {
  auto entries = entries_.lock();
  const std::size_t dropped = entries->size();
  entries->clear();
  return dropped;
}

void AnswerCache::report(AnswerCacheStats& stats) const {
  stats.hits = hits_;
  stats.misses = misses_;
  entries_.read([&](const Entries& entries) {
    stats.evictions = entries.evictions();
    stats.entries = entries.size();
    stats.bytes = entries.bytes();
    return true;
  });
}

}  // namespace forebay::scheduling
