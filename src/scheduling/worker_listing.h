// One worker of a generation model as operators see it. Plain data.
#pragma once

#include <cstdint>
#include <string>

namespace forebay::scheduling {

struct WorkerListing {
  std::uint64_t id = 0;       // never used again for another worker of the model
  std::string state;          // healthy, suspect, removed, probation, draining
  std::uint32_t running = 0;  // sequences, parked ones too
  std::uint32_t sequences_max = 0;
  std::uint32_t cells_used = 0;
  std::uint32_t cells_max = 0;
  std::uint64_t steps = 0;  // that worked
  std::uint32_t failures_in_a_row = 0;
  std::uint64_t restarts = 0;
};

}  // namespace forebay::scheduling
