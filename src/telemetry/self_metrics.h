// What the process uses, read from /proc/self at every call.
// Threads: immutable. Owner: Metrics.
#pragma once

#include <optional>
#include <string_view>

namespace forebay::telemetry {

struct ProcessUse {
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double cpu_seconds = 0;  // user and system
  double threads = 0;
  double start_time_seconds = 0;  // since 1970
  double open_fds = 0;
  double max_fds = 0;
};

// Nothing where there is no /proc.
std::optional<ProcessUse> process_use();

// The fields of /proc/self/stat (proc_pid_stat(5)), whose second one is a name that may hold anything.
struct StatTimes {
  double cpu_ticks = 0;
  double threads = 0;
  double start_ticks = 0;  // after boot
  double virtual_bytes = 0;
  double resident_pages = 0;
};
std::optional<StatTimes> parse_stat(std::string_view line);

}  // namespace forebay::telemetry
