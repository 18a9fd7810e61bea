// What is wrong with this machine's engine libraries, for `forebay doctor`.
// Threads: shared. Starts the libraries when nobody has yet: background pool only.
#pragma once

#include <string>
#include <vector>

namespace forebay::engines {

// One sentence each, with what to do; empty when all is well.
std::vector<std::string> environment_findings();

}  // namespace forebay::engines
