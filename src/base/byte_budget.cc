#include "base/byte_budget.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace forebay {

Result<ByteBudget::Reservation> ByteBudget::reserve(std::size_t bytes, std::string_view what) {
  std::size_t held = held_.load();
  do {
    if (bytes > bytes_max_ - held) {
      return fail(kBudgetExhausted, fmt::format("{} needs {} bytes; {} of {} are free", what, bytes, bytes_max_ - held, bytes_max_));
    }
  } while (!held_.compare_exchange_weak(held, held + bytes));
  return Reservation(this, bytes);
}

void ByteBudget::Reservation::release() {
  if (budget_ != nullptr) budget_->held_.fetch_sub(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

}  // namespace forebay
