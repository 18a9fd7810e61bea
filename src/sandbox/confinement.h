// What a child may do, taken on by the child itself before it touches a file: it is our own binary until then.
// Not here yet: system call filters and a root of its own.
// Threads: the main thread of the child, before there are others.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sandbox/child.h"

namespace forebay::sandbox {

// The limits that a child takes on, as its second argument carries them; and back.
struct Confinement {
  int parent = 0;  // its process number
  std::uint64_t memory_bytes_max = 0;
  std::uint64_t cpu_seconds_max = 0;
  std::uint32_t files_max = 0;
};
std::string to_text(const Confinement& confinement);
std::optional<Confinement> confinement_in(std::string_view text);

// False when the parent is gone already, or the system refuses a limit.
bool confine_this_process(const Confinement& confinement);

}  // namespace forebay::sandbox
