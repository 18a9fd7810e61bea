// The processors of this machine: what they are, and which of them a thread may use.
// Threads: shared; what is said about a thread is about the one that asks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace forebay {

// "AMD EPYC 7B13", or "CPU" when the kernel does not say.
std::string processor_name();
// Name and instruction sets, as the kernel lists them: code made for one may fail on another.
std::string processor_identity();

using Processors = std::vector<std::uint32_t>;  // numbers as the kernel gives them, ascending
// Those that this thread may run on (affinity, which a cgroup's cpuset limits too). A new thread takes over those of its maker.
Processors usable_processors();
// False when the kernel refuses. Without any, nothing changes.
bool keep_thread_on(std::span<const std::uint32_t> processors);
std::string to_text(std::span<const std::uint32_t> processors);  // "0-3,7"

// Keeps this thread, and the threads it makes meanwhile, on some processors. Threads: confined to the one that made it.
class ProcessorsScope {
 public:
  explicit ProcessorsScope(std::span<const std::uint32_t> processors);
  ~ProcessorsScope();
  ProcessorsScope(const ProcessorsScope&) = delete;
  ProcessorsScope& operator=(const ProcessorsScope&) = delete;

 private:
  Processors before_;  // empty: nothing was changed
};

}  // namespace forebay
