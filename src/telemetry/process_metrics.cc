#include "telemetry/process_metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace forebay::telemetry {

namespace {
prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }
}  // namespace

ProcessMetrics::ProcessMetrics(prometheus::Registry& registry)
    : resident_bytes_(gauge(registry, "process_resident_memory_bytes", "Resident memory size in bytes.")),
      virtual_bytes_(gauge(registry, "process_virtual_memory_bytes", "Virtual memory size in bytes.")),
      cpu_seconds_(gauge(registry, "process_cpu_seconds_total", "User and system CPU time in seconds.")),
      start_time_seconds_(gauge(registry, "process_start_time_seconds", "Start of the process, seconds since the epoch.")),
      threads_(gauge(registry, "process_threads", "Threads of the process.")),
      open_files_(gauge(registry, "process_open_fds", "Open file descriptors.")),
      open_files_max_(gauge(registry, "process_max_fds", "The limit of open file descriptors.")) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  start_time_seconds_.Set(std::chrono::duration<double>(now).count());
}

void ProcessMetrics::refresh() {
  const double page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  double virtual_pages = 0;
  double resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  virtual_bytes_.Set(virtual_pages * page_bytes);
  resident_bytes_.Set(resident_pages * page_bytes);

  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) cpu_seconds_.Set(seconds(usage.ru_utime) + seconds(usage.ru_stime));
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) open_files_max_.Set(static_cast<double>(files.rlim_cur));

  namespace fs = std::filesystem;
  const auto entries = [](const char* folder) {
    std::error_code error;
    double count = 0;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error)) ++count;
    return count;
  };
  threads_.Set(entries("/proc/self/task"));
  open_files_.Set(entries("/proc/self/fd"));
}

}  // namespace forebay::telemetry
