// How libllama spreads its threads over the memory nodes of a large machine.
// Threads: called once, before the first model is loaded.
#pragma once

#include <span>
#include <string_view>

namespace forebay::engines {

std::span<const std::string_view> numa_strategies();  // "off", "distribute", "isolate", "numactl"
// Once a process; the library keeps it. Says in the log what the machine has. One of the above.
void use_numa(std::string_view strategy);

}  // namespace forebay::engines
