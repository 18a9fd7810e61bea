#include "telemetry/self_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace forebay::telemetry {

namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "btime 1700000000" in /proc/stat: when the machine started.
double boot_time_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word) {
    if (word == "btime" && file >> seconds) return seconds;
    file.ignore(1 << 20, '\n');
  }
  return 0;
}

double count_open_files() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

}  // namespace

std::optional<StatTimes> parse_stat(std::string_view line) {
  // Numbered as in the manual: 3 is the state, the first field after the name's closing parenthesis.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::array<double, 25> fields{};
  std::string_view rest = line.substr(name_end + 1);
  for (std::size_t field = 3; field < fields.size(); ++field) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (word.empty()) return std::nullopt;
    if (field > 3 && std::from_chars(word.data(), word.data() + word.size(), fields[field]).ec != std::errc()) return std::nullopt;
    rest.remove_prefix(word.size());
  }
  return StatTimes{.cpu_ticks = fields[14] + fields[15],
                   .threads = fields[20],
                   .start_ticks = fields[22],
                   .virtual_bytes = fields[23],
                   .resident_pages = fields[24]};
}

std::optional<ProcessUse> process_use() {
  const auto stat = parse_stat(first_line("/proc/self/stat"));
  if (!stat) return std::nullopt;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return ProcessUse{.resident_bytes = stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)),
                    .virtual_bytes = stat->virtual_bytes,
                    .cpu_seconds = stat->cpu_ticks / ticks,
                    .threads = stat->threads,
                    .start_time_seconds = boot_time_seconds() + stat->start_ticks / ticks,
                    .open_fds = count_open_files(),
                    .max_fds = static_cast<double>(files.rlim_cur)};
}

}  // namespace forebay::telemetry
