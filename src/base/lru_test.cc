#include "base/lru.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace forebay {
namespace {

TEST(Lru, HoldsBothLimitsExactly) {
  Lru<int, std::string> cache({.bytes_max = 10, .entries_max = 3});
  EXPECT_TRUE(cache.insert(1, "a", 10));
  EXPECT_TRUE(cache.insert(2, "b", 1));
  EXPECT_EQ(cache.find(1), nullptr);
  EXPECT_FALSE(cache.insert(3, "c", 11));
  EXPECT_TRUE(cache.insert(4, "d", 1));
  EXPECT_TRUE(cache.insert(5, "e", 8));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.bytes(), 10u);
  EXPECT_TRUE(cache.insert(6, "f", 0));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_EQ(cache.evictions(), 2u);
}

TEST(Lru, ReplacesAnEntryOfTheSameKey) {
  Lru<int, std::string> cache({.bytes_max = 10, .entries_max = 3});
  EXPECT_TRUE(cache.insert(1, "a", 6));
  EXPECT_TRUE(cache.insert(1, "b", 7));
  EXPECT_EQ(*cache.find(1), "b");
  EXPECT_EQ(cache.bytes(), 7u);
  EXPECT_EQ(cache.evictions(), 0u);
  EXPECT_TRUE(cache.erase(1));
  EXPECT_FALSE(cache.erase(1));
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(Lru, GivesUpTheLeastRecentlyUsedOneWhenAsked) {
  Lru<int, std::string> cache({.bytes_max = 10, .entries_max = 3});
  EXPECT_TRUE(cache.insert(1, "a", 6));
  EXPECT_TRUE(cache.insert(2, "b", 2));
  cache.find(1);
  EXPECT_EQ(cache.pop_oldest(), "b");
  EXPECT_EQ(cache.bytes(), 6u);
  EXPECT_EQ(cache.pop_oldest(), "a");
  EXPECT_EQ(cache.pop_oldest(), std::nullopt);
}

TEST(Lru, OfNoEntriesKeepsNothing) {
  Lru<int, int> cache({.bytes_max = 10, .entries_max = 0});
  EXPECT_FALSE(cache.insert(1, 1, 0));
  EXPECT_EQ(cache.size(), 0u);
}

// The plainest cache there is: a list in the order of use, newest first.
struct NaiveCache {
  struct Entry {
    int key;
    int value;
    std::size_t bytes;
  };
  LruLimits limits;
  std::vector<Entry> entries;

  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Entry& entry : entries) sum += entry.bytes;
    return sum;
  }
  const int* find(int key) {
    const auto found = std::ranges::find(entries, key, &Entry::key);
    if (found == entries.end()) return nullptr;
    std::rotate(entries.begin(), found, found + 1);
    return &entries.front().value;
  }
  bool erase(int key) {
    return std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; }) > 0;
  }
  bool insert(int key, int value, std::size_t size) {
    erase(key);
    if (size > limits.bytes_max || limits.entries_max == 0) return false;
    while (bytes() + size > limits.bytes_max || entries.size() + 1 > limits.entries_max) entries.pop_back();
    entries.insert(entries.begin(), {key, value, size});
    return true;
  }
};

void run_against_naive_model(bool with_lookups) {
  const LruLimits limits{.bytes_max = *rc::gen::inRange<std::size_t>(0, 30), .entries_max = *rc::gen::inRange<std::size_t>(0, 6)};
  Lru<int, int> cache(limits);
  NaiveCache naive{.limits = limits, .entries = {}};
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::inRange(0, 8)));
  int value = 0;
  for (const auto& [what, key] : steps) {
    if (what < 5 || !with_lookups) {
      const auto bytes = *rc::gen::inRange<std::size_t>(0, 12);
      ++value;
      RC_ASSERT(cache.insert(key, value, bytes) == naive.insert(key, value, bytes));
    } else if (what < 9) {
      const int* found = cache.find(key);
      const int* expected = naive.find(key);
      RC_ASSERT((found == nullptr) == (expected == nullptr));
      if (found != nullptr) RC_ASSERT(*found == *expected);
    } else {
      RC_ASSERT(cache.erase(key) == naive.erase(key));
    }
    RC_ASSERT(cache.size() == naive.entries.size());
    RC_ASSERT(cache.bytes() == naive.bytes());
    RC_ASSERT(cache.bytes() <= limits.bytes_max);
  }
  for (const auto& entry : std::vector(naive.entries)) RC_ASSERT(cache.find(entry.key) != nullptr);
}

RC_GTEST_PROP(Property10, EvictionIsLeastRecentlyUsed, ()) { run_against_naive_model(false); }

RC_GTEST_PROP(Property11, AccessRenews, ()) { run_against_naive_model(true); }

TEST(Property11, AccessRenewsTheOldestEntry) {
  Lru<int, int> cache({.bytes_max = 100, .entries_max = 2});
  cache.insert(1, 1, 1);
  cache.insert(2, 2, 1);
  EXPECT_NE(cache.find(1), nullptr);
  cache.insert(3, 3, 1);
  EXPECT_NE(cache.find(1), nullptr);
  EXPECT_EQ(cache.find(2), nullptr);
}

}  // namespace
}  // namespace forebay
