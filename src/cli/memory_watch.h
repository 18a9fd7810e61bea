// Samples the memory pressure again and again while the server runs.
// Threads: has its own, which is also where the gauge's listeners run. Owner: cli::serve; budget, gauge and metrics outlive it.
#pragma once

#include <condition_variable>
#include <thread>

#include "base/memory_pressure.h"
#include "base/synchronized.h"
#include "telemetry/serving_metrics.h"

namespace forebay::cli {

class MemoryWatch {
 public:
  MemoryWatch(const PressureOptions& options, MemoryFiles files, const ByteBudget& budget, PressureGauge& gauge,
              telemetry::ServingMetrics& metrics);
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

 private:
  void watch();
  const std::chrono::milliseconds period_;
  PressureGauge& gauge_;
  telemetry::ServingMetrics& metrics_;
  PressureSampler sampler_;
  Synchronized<bool> stopped_{false};
  std::condition_variable stop_;
  std::thread thread_;
};

}  // namespace forebay::cli
