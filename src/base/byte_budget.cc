#include "base/byte_budget.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace forebay {

Result<ByteBudget::Reservation> ByteBudget::reserve(std::size_t bytes, std::string_view what, Shortage shortage) {
  TRY(take(bytes, what, shortage));
  return Reservation(this, bytes);
}

Result<> ByteBudget::take(std::size_t bytes, std::string_view what, Shortage shortage) {
  std::size_t missing = try_take(bytes);
  if (missing > 0 && shortage == Shortage::kReclaim && bytes <= bytes_max_) {
    reclaim(bytes);
    missing = try_take(bytes);
  }
  if (missing == 0) return {};
  return fail(kBudgetExhausted, fmt::format("{} needs {} bytes; {} of {} are free", what, bytes, bytes - missing, bytes_max_));
}

// Returns how many bytes are missing; 0 if they have been taken.
std::size_t ByteBudget::try_take(std::size_t bytes) {
  std::size_t held = held_.load();
  do {
    if (bytes > bytes_max_ - held) return bytes - (bytes_max_ - held);
  } while (!held_.compare_exchange_weak(held, held + bytes));
  return 0;
}

void ByteBudget::reclaim(std::size_t bytes) {
  auto reclaimables = reclaimables_.lock();
  for (const auto& [order, give_up] : *reclaimables) {
    const std::size_t free = bytes_max_ - held_.load();
    if (free >= bytes) return;
    give_up(bytes - free);
  }
}

ByteBudget::Reclaimable ByteBudget::on_shortage(int order, GiveUp give_up) {
  auto reclaimables = reclaimables_.lock();
  return {this, reclaimables->emplace(order, std::move(give_up))};
}

ByteBudget::Reclaimable::~Reclaimable() {
  if (budget_ == nullptr) return;
  auto reclaimables = budget_->reclaimables_.lock();
  reclaimables->erase(place_);
}

void ByteBudget::Reservation::release() {
  if (budget_ != nullptr) budget_->held_.fetch_sub(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

Result<> ByteBudget::Reservation::resize(std::size_t bytes, std::string_view what, Shortage shortage) {
  if (bytes > bytes_) TRY(budget_->take(bytes - bytes_, what, shortage));
  if (bytes < bytes_) budget_->held_.fetch_sub(bytes_ - bytes);
  bytes_ = bytes;
  return {};
}

}  // namespace forebay
