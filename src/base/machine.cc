#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

namespace forebay {

namespace {
// A file of the process's cgroup (v2): "cpu.max", "memory.max".
std::ifstream cgroup_file(const std::string& name) {
  std::ifstream group_file("/proc/self/cgroup");
  std::string line;
  while (std::getline(group_file, line)) {
    if (line.starts_with("0::")) return std::ifstream("/sys/fs/cgroup" + line.substr(3) + "/" + name);
  }
  return {};
}
}  // namespace

std::size_t usable_cores() {
  std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) cores = static_cast<std::size_t>(std::max(1, CPU_COUNT(&mask)));
  // "max 100000" or "200000 100000": microseconds of quota in a period.
  auto quota_file = cgroup_file("cpu.max");
  double quota = 0;
  double period = 0;
  if (quota_file >> quota >> period && period > 0)
    cores = std::min(cores, static_cast<std::size_t>(std::max(1.0, std::floor(quota / period))));
  return cores;
}

std::uint64_t usable_memory_bytes() {
  std::uint64_t bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
  auto limit_file = cgroup_file("memory.max");
  std::uint64_t limit = 0;
  if (limit_file >> limit && limit > 0) bytes = std::min(bytes, limit);
  return bytes;
}

}  // namespace forebay
