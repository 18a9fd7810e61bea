// The process's own memory, CPU time, threads and open files, by the names every Prometheus client uses.
// Threads: refresh() is shared. Owner: Metrics.
#pragma once

namespace prometheus {
class Registry;
class Gauge;
}  // namespace prometheus

namespace forebay::telemetry {

class ProcessMetrics {
 public:
  explicit ProcessMetrics(prometheus::Registry& registry);
  // Reads /proc/self.
  void refresh();

 private:
  prometheus::Gauge& resident_bytes_;
  prometheus::Gauge& virtual_bytes_;
  prometheus::Gauge& cpu_seconds_;
  prometheus::Gauge& start_time_seconds_;
  prometheus::Gauge& threads_;
  prometheus::Gauge& open_files_;
  prometheus::Gauge& open_files_max_;
};

}  // namespace forebay::telemetry
