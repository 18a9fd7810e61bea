// Says that loading takes long: a bar on a terminal, one plain line elsewhere, nothing when it is done within a second.
// Threads: step() is called by the loading thread, one at a time. Owner: the command.
#pragma once

#include <string>

#include "base/clock.h"
#include "cli/console.h"

namespace forebay::cli {

class LoadProgress {
 public:
  LoadProgress(Console& console, const Clock& clock, std::string what);
  // 0..1; always true: a command is interrupted by its signal.
  bool step(float share);
  // Takes the bar away.
  void finish();

 private:
  Console& console_;
  const Clock& clock_;
  const std::string what_;
  const Instant begun_;
  int shown_percent_ = -1;
};

}  // namespace forebay::cli
