// One call of a service, however it came: over HTTP, on the command line, from a library.
// Thread safety: plain data; the work that `aside` gets may run on any thread. Owner: the front door.
#pragma once

#include <functional>
#include <utility>

#include "scheduling/request.h"

namespace forebay::inference {

struct Call {
  scheduling::Ticket ticket = {};  // request id, client, priority, deadline, cancel token
  // Runs work away from the engine's threads, or ends the call; empty: work runs where it is.
  std::function<void(std::move_only_function<void()>)> aside = {};

  void run_aside(std::move_only_function<void()> work) const {
    if (aside)
      aside(std::move(work));
    else
      work();
  }
};

}  // namespace forebay::inference
