// What this process may use of the machine: the smaller of what the hardware has and what its cgroup allows.
// Threads: shared.
#pragma once

#include <cstddef>
#include <cstdint>

namespace forebay {

// Cores by affinity mask and cgroup quota, at least 1.
std::size_t usable_cores();
// Bytes by physical memory and cgroup limit.
std::uint64_t usable_memory_bytes();

}  // namespace forebay
