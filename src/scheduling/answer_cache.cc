#include "scheduling/answer_cache.h"

#include <utility>

namespace forebay::scheduling {

namespace {
constexpr std::size_t kEntryOverhead = 256;  // the lists, the index, the names of outputs
}

AnswerCache::AnswerCache(const AnswerCacheOptions& options, const RunnerContext& context)
    : options_(options),
      clock_(*context.clock),
      budget_(context.budget),
      pressure_(context.pressure),
      entries_(Entries({.bytes_max = options.bytes_max, .entries_max = options.entries_max})) {}

bool AnswerCache::squeezed() const { return pressure_ != nullptr && pressure_->level() != PressureLevel::kNormal; }

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
    auto reserved = budget_->reserve(bytes, "a kept answer");
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
  if (squeezed()) {
    clear();
    return;
  }
  const std::size_t bytes = bytes_of(question.inputs) + bytes_of(outputs) + kEntryOverhead;
  if (bytes > options_.bytes_max) return;
  ByteBudget::Reservation memory;
  if (budget_ != nullptr) {
    memory = reserve(bytes);
    if (memory.bytes() == 0) return;
  }
  auto entry = std::make_shared<const Entry>(
      Entry{{own_copy(question.inputs), question.outputs, question.scope}, own_copy(outputs), clock_.now(), std::move(memory)});
  auto entries = entries_.lock();
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
