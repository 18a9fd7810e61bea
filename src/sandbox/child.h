// Runs our own binary as a child process: a command that handles a file which may crash, hang or exhaust the process that reads it.
//   The child gets a clean environment without secrets, the descriptors it is given and no others, no standard input, no core dump and no
// new privileges. It ends when this process ends. Its result and its standard error come back through pipes, both bounded.
//   ADR: docs/adr/0012-model-files-are-tried-in-a-child.md.
// Threads: shared (no state). Owner: none.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace forebay::sandbox {

struct ChildLimits {
  std::uint64_t memory_bytes_max = std::uint64_t{1} << 30;  // private memory; mapped files do not count
  std::chrono::milliseconds cpu_time_max{20'000};           // of all its threads together
  std::chrono::milliseconds time_max{60'000};               // on the clock
  std::uint32_t files_max = 128;                            // open at the same time
  std::size_t result_bytes_max = std::size_t{64} << 10;
};

struct ChildTask {
  std::string command;                   // the first argument, by which main() finds what to do
  std::vector<std::string> arguments;    // behind it; visible to other users of the machine: no secrets
  std::vector<std::string> environment;  // "NAME=VALUE", beside the little that every child has
  std::vector<int> descriptors;          // become kFirstDescriptor and those after it
  ChildLimits limits;
  std::function<bool()> keeps_going;  // asked every few milliseconds; false ends the child. Empty: always
};

inline constexpr int kFirstDescriptor = 4;

enum class ChildEnding : std::uint8_t { kFinished, kCrashed, kTimedOut, kMemoryExceeded, kWroteTooMuch, kStopped };

struct ChildEnd {
  ChildEnding ending = ChildEnding::kCrashed;
  int signal = 0;         // that ended it; 0: it ended by itself
  int exit_status = 0;    // when it ended by itself
  std::string result;     // of finish_child(); whole only when it finished
  std::string last_line;  // of its standard error, the line with the reason if there is one. Not cleaned.
};

// Blocks: until the child has ended. kChildNotStarted.
Result<ChildEnd> run_child(const ChildTask& task);
// "it ended by SIGABRT: GGML_ASSERT(a) failed", with `reason` instead of the last line, for whatever is not kFinished.
Error error_of(const ChildEnd& end, const ChildLimits& limits, std::string_view reason);

// In the child, before anything else: `arguments` as main() has them, the program's name left out. Takes on the limits and returns the
// arguments of the task. kChildNotStarted when a parent did not start it.
Result<std::vector<std::string>> enter_child(std::span<char* const> arguments);
// In the child: gives the result to the parent. Then it ends with status 0.
[[noreturn]] void finish_child(std::string_view result);

}  // namespace forebay::sandbox
