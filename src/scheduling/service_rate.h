// How fast requests are being served, measured; what Retry-After is computed from.
// Threads: confined to its queue. Owner: AdmissionQueue.
#pragma once

#include <cstddef>
#include <optional>

#include "base/clock.h"

namespace forebay::scheduling {

class ServiceRate {
 public:
  // A request leaves the queue to be computed, and is answered.
  void started(Instant now);
  void finished(Instant now);
  // How long serving so many takes at the measured rate; nothing before the first measurement. Only time in which somebody was
  // being served counts, and what happened a minute ago hardly does.
  std::optional<Duration> time_for(std::size_t requests) const;
  std::size_t running() const { return running_; }

 private:
  void pass_time(Instant now);
  std::size_t running_ = 0;
  Instant last_{};
  double served_ = 0;  // both fade with busy time, so that their ratio follows the load
  double busy_seconds_ = 0;
};

}  // namespace forebay::scheduling
