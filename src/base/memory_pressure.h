// How full the memory is that this process may have, in three levels, so that caches shrink and work is refused before the kernel kills.
//   read_memory     the fullest of the limits it is under: its cgroups (v2 or v1, up to the root), the machine, a setting
//   PressureJudge   shares to a level, with hysteresis
//   PressureSampler one sample: reads, judges, publishes; gives freed memory back to the system when the level changes
//   PressureGauge   what everybody else reads
// Threads: PressureGauge is shared; judge and sampler are confined to the sampling thread. Owner: cli::serve.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_budget.h"

namespace forebay {

enum class PressureLevel : std::uint8_t { kNormal, kElevated, kCritical };
std::string_view name_of(PressureLevel level);  // "normal", "elevated", "critical"

// Shares from 0 to 1; each level is left at its `until`, which is below its `at`.
struct PressureOptions {
  double elevated_at = 0.80;
  double elevated_until = 0.75;
  double critical_at = 0.92;
  double critical_until = 0.88;
  // Of the byte budget. It refuses by itself when it is full, so it raises to elevated at most: caches make room for what is needed more.
  double budget_elevated_at = 0.98;
  double budget_elevated_until = 0.95;
  std::uint64_t limit_bytes = 0;  // of resident memory, beside the system's own limits; 0: none
  std::chrono::milliseconds period{500};
};

// Where the kernel says it; tests put files of their own there.
struct MemoryFiles {
  std::string group_file = "/proc/self/cgroup";
  std::string groups_folder = "/sys/fs/cgroup";
  std::string meminfo = "/proc/meminfo";
  std::string statm = "/proc/self/statm";
};

struct MemoryReading {
  std::uint64_t used_bytes = 0;
  std::uint64_t limit_bytes = 0;
  std::string_view limited_by;  // "cgroup", "machine" or "setting"
  double share() const { return limit_bytes == 0 ? 0 : static_cast<double>(used_bytes) / static_cast<double>(limit_bytes); }
};

// A cgroup's use is memory.current (v1: memory.usage_in_bytes) without the file cache that the kernel drops first (inactive_file), its
// limit the smaller of memory.max and memory.high. The machine's is what is resident here, of that and what is still available: other
// programs' memory is not ours to answer for. Nothing where none of the files can be read.
std::optional<MemoryReading> read_memory(const MemoryFiles& files, std::uint64_t limit_bytes = 0);

class PressureJudge {
 public:
  explicit PressureJudge(const PressureOptions& options) : options_(options) {}
  PressureLevel judge(double memory_share, double budget_share);
  // The share has grown by a hundredth within the last eight judgements.
  bool rising() const { return rising_; }

 private:
  const PressureOptions options_;
  PressureLevel memory_ = PressureLevel::kNormal;
  bool budget_elevated_ = false;
  std::deque<double> shares_;
  bool rising_ = false;
};

class PressureGauge {
 public:
  PressureGauge();
  PressureLevel level() const { return level_.load(std::memory_order_relaxed); }
  bool rising() const { return rising_.load(std::memory_order_relaxed); }
  std::uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t limit_bytes() const { return limit_bytes_.load(std::memory_order_relaxed); }

  // Keeps a callback registered while it lives; the destructor waits for a call in progress.
  class Subscription {
   public:
    Subscription();
    Subscription(Subscription&&) noexcept;
    Subscription& operator=(Subscription&&) noexcept;
    ~Subscription();

   private:
    friend PressureGauge;
    struct Entry;
    std::unique_ptr<Entry> entry_;
  };
  // Calls `then` with every new level on the sampling thread. It must not block, throw, subscribe or unsubscribe.
  [[nodiscard]] Subscription on_change(std::function<void(PressureLevel)> then) const;

  // For the sampler, and for tests.
  void set(PressureLevel level, bool rising = false, const MemoryReading& reading = {});

 private:
  struct Listeners;
  std::atomic<PressureLevel> level_{PressureLevel::kNormal};
  std::atomic<bool> rising_{false};
  std::atomic<std::uint64_t> used_bytes_{0};
  std::atomic<std::uint64_t> limit_bytes_{0};
  std::shared_ptr<Listeners> listeners_;
};

class PressureSampler {
 public:
  // `give_back` returns freed memory to the system; called when a level is entered. Empty: the C library's way.
  PressureSampler(const PressureOptions& options, MemoryFiles files, const ByteBudget& budget, PressureGauge& gauge,
                  std::function<void()> give_back = {});
  void sample();

 private:
  const PressureOptions options_;
  const MemoryFiles files_;
  const ByteBudget& budget_;
  PressureGauge& gauge_;
  const std::function<void()> give_back_;
  PressureJudge judge_;
};

}  // namespace forebay
