#include "scheduling/service_rate.h"

#include <algorithm>
#include <cmath>

namespace forebay::scheduling {

namespace {
constexpr double kFadeSeconds = 15;
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
}  // namespace

void ServiceRate::pass_time(Instant now) {
  if (running_ > 0 && now > last_) {
    const double passed = seconds(now - last_);
    const double kept = std::exp(-passed / kFadeSeconds);
    served_ *= kept;
    busy_seconds_ = busy_seconds_ * kept + passed;
  }
  last_ = std::max(last_, now);
}

void ServiceRate::started(Instant now) {
  pass_time(now);
  ++running_;
}

void ServiceRate::finished(Instant now) {
  pass_time(now);
  if (running_ > 0) --running_;
  served_ += 1;
}

std::optional<Duration> ServiceRate::time_for(std::size_t requests) const {
  if (served_ < 0.01) return std::nullopt;
  const double wait = static_cast<double>(requests) * busy_seconds_ / served_;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(wait, 86'400.0)));
}

}  // namespace forebay::scheduling
