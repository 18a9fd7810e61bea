// Splits what --backend takes.
// Threads: immutable. Owner: the room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace forebay::engines {

// "dnnl, cpu" is dnnl and cpu; empty names are left out.
std::vector<std::string> split_backend_chain(std::string_view chain);

}  // namespace forebay::engines
