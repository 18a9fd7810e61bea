#include "scheduling/cache_memory.h"

#include <algorithm>
#include <utility>

namespace forebay::scheduling {

CacheMemory::CacheMemory(CacheKind kind, std::size_t bytes_max, ByteBudget* budget, const PressureGauge* pressure, CacheUse use)
    : bytes_max_(bytes_max),
      budget_(budget),
      pressure_(pressure),
      use_(std::move(use)),
      on_pressure_(pressure == nullptr ? PressureGauge::Subscription()
                                       : pressure->on_change([this](PressureLevel) { use_.shrink_to(bytes_allowed()); })),
      on_shortage_(budget == nullptr ? ByteBudget::Reclaimable() : budget->on_shortage(static_cast<int>(kind), [this](std::size_t bytes) {
        const std::size_t held = use_.bytes();
        use_.shrink_to(held - std::min(held, bytes));
      })) {}

std::size_t CacheMemory::bytes_allowed() const {
  switch (pressure_ == nullptr ? PressureLevel::kNormal : pressure_->level()) {
    case PressureLevel::kNormal:
      return bytes_max_;
    case PressureLevel::kElevated:
      return bytes_max_ / 4;
    case PressureLevel::kCritical:
      return 0;
  }
  return 0;
}

}  // namespace forebay::scheduling
