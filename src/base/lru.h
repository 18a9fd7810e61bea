// A least-recently-used cache, bounded by bytes and by entries. The one LRU of the house.
// Threads: confined to its owner; wrap it in Synchronized to share it.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

namespace forebay {

struct LruLimits {
  std::size_t bytes_max = 0;
  std::size_t entries_max = 0;
};

template <class Key, class Value, class Hash = std::hash<Key>>
class Lru {
 public:
  explicit Lru(LruLimits limits) : limits_(limits) {}

  // Renews the entry. The pointer is valid until the next non-const call.
  Value* find(const Key& key) {
    auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->value;
  }
  // Replaces an entry of the same key. Evicts the least recently used ones until it fits; false if it alone is too large.
  bool insert(Key key, Value value, std::size_t bytes) {
    erase(key);
    if (bytes > limits_.bytes_max || limits_.entries_max == 0) return false;
    while (bytes > limits_.bytes_max - bytes_ || order_.size() >= limits_.entries_max) evict();
    order_.push_front(Entry{key, std::move(value), bytes});
    index_.emplace(std::move(key), order_.begin());
    bytes_ += bytes;
    return true;
  }
  bool erase(const Key& key) {
    auto found = index_.find(key);
    if (found == index_.end()) return false;
    bytes_ -= found->second->bytes;
    order_.erase(found->second);
    index_.erase(found);
    return true;
  }
  // The least recently used value; nothing when there is none.
  std::optional<Value> pop_oldest() {
    if (order_.empty()) return std::nullopt;
    std::optional<Value> oldest(std::move(order_.back().value));
    evict();
    return oldest;
  }
  void clear() {
    order_.clear();
    index_.clear();
    bytes_ = 0;
  }
  std::size_t size() const { return order_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::size_t evictions() const { return evictions_; }

 private:
  struct Entry {
    Key key;
    Value value;
    std::size_t bytes;
  };
  void evict() {
    ++evictions_;
    bytes_ -= order_.back().bytes;
    index_.erase(order_.back().key);
    order_.pop_back();
  }

  LruLimits limits_;
  std::list<Entry> order_;  // newest first
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> index_;
  std::size_t bytes_ = 0;
  std::size_t evictions_ = 0;
};

}  // namespace forebay
