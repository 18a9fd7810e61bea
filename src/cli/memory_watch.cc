#include "cli/memory_watch.h"

#include <utility>

#include "base/executor.h"
#include "base/log.h"

namespace forebay::cli {

MemoryWatch::MemoryWatch(const PressureOptions& options, MemoryFiles files, const ByteBudget& budget, PressureGauge& gauge,
                         telemetry::ServingMetrics& metrics)
    : period_(options.period), gauge_(gauge), metrics_(metrics), sampler_(options, std::move(files), budget, gauge), thread_([this] {
        name_this_thread("memory-watch");
        watch();
      }) {}

MemoryWatch::~MemoryWatch() {
  {
    auto stopped = stopped_.lock();
    *stopped = true;
  }
  stop_.notify_all();
  thread_.join();
}

void MemoryWatch::watch() {
  auto level = gauge_.level();
  auto stopped = stopped_.lock();
  while (!*stopped) {
    stopped.unlock();
    sampler_.sample();
    metrics_.memory_pressure.set(static_cast<double>(gauge_.level()));
    metrics_.memory_used_bytes.set(static_cast<double>(gauge_.used_bytes()));
    metrics_.memory_limit_bytes.set(static_cast<double>(gauge_.limit_bytes()));
    if (const auto before = std::exchange(level, gauge_.level()); before != level) {
      log::warning("memory pressure", {{"level", std::string(name_of(level))},
                                       {"before", std::string(name_of(before))},
                                       {"used_bytes", std::to_string(gauge_.used_bytes())},
                                       {"limit_bytes", std::to_string(gauge_.limit_bytes())}});
    }
    stopped = stopped_.lock();
    stopped.wait_until(stop_, std::chrono::steady_clock::now() + period_, [](bool now) { return now; });
  }
}

}  // namespace forebay::cli
